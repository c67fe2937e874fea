/**
 * The data folder: made when missing and closed to everybody else, for mail lies in it. What an
 * operator did to let a group pass through to the control socket (mode 2710) is left: that shows
 * nobody what lies there, and all but the socket is the owner's alone.
 */
import { chmod, mkdir, stat } from 'node:fs/promises';
import { CodedError, errorText } from '../base/errors.ts';

/** Both bits, which nobody sets by accident. */
const GROUP_MAY_PASS = 0o2010;

export async function dataFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { mode } = await stat(folder);
    const mayPass = (mode & GROUP_MAY_PASS) === GROUP_MAY_PASS;
    await chmod(folder, mayPass ? 0o2710 : 0o700);
    return folder;
  } catch (cause) {
    throw new CodedError('STORE_FAILED', `data folder ${folder}: ${errorText(cause)}`, { cause });
  }
}
