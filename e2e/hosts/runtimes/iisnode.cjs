// What iisnode starts instead of the app: takes itself out of the arguments and requires the app. It mirrors
// src/scripts/interceptor.js of iisnode without logging; its handler of uncaught exceptions belongs to the logging.
process.argv.splice(1, 1);
require(process.argv[1]);
