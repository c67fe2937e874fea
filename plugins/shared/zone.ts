/** The form of the name of a DNS list, for options. */
export const ZONE = {
  pattern: /^(?=.{1,200}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$/i,
  hint: 'the name of a zone, such as zen.example.org',
};
