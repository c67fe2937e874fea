/**
 * Names of files as Windows and people take them: what a name really is after the tricks with it,
 * whether it holds one, and patterns with `*` and `?`. Every function is bounded by MAX_NAME.
 */
const MAX_NAME = 1000;
/** Marks that turn the direction of writing, so that the end of a name is shown elsewhere. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/;
const BEYOND_ASCII = /[^\0-\x7f]/;
/** Shown as nothing. */
const UNSEEN = /[\p{Cc}\p{Cf}]/gu;
/** An extension that people trust, before the one that counts. */
const DOUBLE =
  /\.(pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|txt|csv|jpe?g|png|gif|bmp|tiff?|mp[34]|avi|mov|html?|zip|eml|msg)[\s._]*\.(exe|com|scr|pif|bat|cmd|vb[se]?|jse?|ws[fh]?|hta|lnk|cpl|msi|jar|ps1|reg|iso|img)$/;
const EXTENSION = /\.\w{1,10}$/;
const GAP = /\s{5}$/;

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
  const end = name.slice(-MAX_NAME);
  // Some letters become many, those of ASCII stay what they are.
  const plain = BEYOND_ASCII.test(end) ? end.normalize('NFKC').slice(-MAX_NAME) : end;
  const path = withoutEnd(plain.replace(UNSEEN, '').toLowerCase(), FOLDER_END);
  const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const colon = file.indexOf(':', 1);
  return withoutEnd(colon > 0 ? file.slice(0, colon) : file, DROPPED).trimStart();
}

export function isDisguised(name: string): boolean {
  const file = realName(name);
  const extension = EXTENSION.exec(file);
  const isFarOff = extension !== null && GAP.test(file.slice(0, extension.index));
  return TURNS.test(name.slice(-MAX_NAME)) || DOUBLE.test(file) || isFarOff;
}

const FOLDER_END = /[/\\\s]/;
/** Windows drops dots and spaces at the end; quotes are left over from broken fields. */
const DROPPED = /[\s."']/;

/** A loop, for an expression takes time by the square of such a run where it is not the end. */
function withoutEnd(text: string, dropped: RegExp): string {
  let end = text.length;
  while (end > 0 && dropped.test(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}

/** `pattern` in lower case; `*` stands for any characters, `?` for one. */
export function matches(pattern: string, name: string): boolean {
  // Most are about an extension alone.
  if (pattern.lastIndexOf('*') === 0 && !pattern.includes('?'))
    return name.endsWith(pattern.slice(1));
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
