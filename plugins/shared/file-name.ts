/**
 * Names of files as Windows and people take them: what a name really is after the tricks with it,
 * whether it holds one, and patterns with `*` and `?`. Every function is bounded by MAX_NAME.
 */
const MAX_NAME = 1000;
/** Marks that turn the direction of writing, so that the end of a name is shown elsewhere. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/;
/** Shown as nothing. */
const UNSEEN = /[\p{Cc}\p{Cf}]/gu;
/** An extension that people trust, before the one that counts. */
const DOUBLE =
  /\.(pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|txt|csv|jpe?g|png|gif|bmp|tiff?|mp[34]|avi|mov|html?|zip|eml|msg)[\s._]*\.(exe|com|scr|pif|bat|cmd|vb[se]?|jse?|ws[fh]?|hta|lnk|cpl|msi|jar|ps1|reg|iso|img)$/;
const GAP = /\s{5}\s*\.\w{1,10}$/;

/**
 * What a name may come to: a program cuts it at a colon, or writes something else in place of that; a
 * zero octet ends it for some, and is nothing for others.
 */
export function realNames(name: string): readonly string[] {
  const names = [name, name.split('\0', 1)[0] ?? ''].filter((one) => one !== '');
  return [...new Set(names.flatMap((one) => [realName(one), realName(one.replaceAll(':', '_'))]))];
}

/** Without folders, streams of NTFS, unseen characters, and the dots and spaces that Windows drops. */
export function realName(name: string): string {
  const shown = name.slice(-MAX_NAME).normalize('NFKC').replace(UNSEEN, '').toLowerCase();
  const file = /[^/\\]*$/.exec(shown.replace(/[/\\\s]+$/, ''))?.[0] ?? '';
  const colon = file.indexOf(':', 1);
  return trimmed(colon > 0 ? file.slice(0, colon) : file);
}

export function isDisguised(name: string): boolean {
  const file = realName(name);
  return TURNS.test(name.slice(-MAX_NAME)) || DOUBLE.test(file) || GAP.test(file);
}

/** Windows drops dots and spaces at the end; quotes are left over from broken fields. */
function trimmed(name: string): string {
  let end = name.length;
  while (end > 0 && /[\s."']/.test(name[end - 1] ?? '')) end--;
  return name.slice(0, end).trimStart();
}

/** `pattern` in lower case; `*` stands for any characters, `?` for one. */
export function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let p = 0;
  while (at < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = at;
    } else if (pattern[p] === '?' || pattern[p] === name[at]) {
      p++;
      at++;
    } else if (star >= 0) {
      p = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
