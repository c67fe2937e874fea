/**
 * The harmless patterns that every scanner knows. In parts, so that no scanner takes this file for
 * an infected one.
 */
export const GTUBE = [
  'XJS*C4JDBQADN1.NSBN3*2IDNEN',
  '*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X',
].join('');
export const EICAR = [
  'X5O!P%@AP[4\\PZX54(P^)7CC)7}',
  '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('');
