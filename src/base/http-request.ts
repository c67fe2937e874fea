/**
 * `request` of node:http. An import of the module by name reads all that it exports, and with that
 * loads Node's WebSocket and fetch, which nothing here uses: a tenth of a second of each start and of
 * each command.
 */
export const { request: httpRequest } = process.getBuiltinModule('node:http');
