// Preloaded where a platform's server listens on a port or an address that a test must not take: the first server that
// listens on TCP gets `LOOPBACK_PORT` of 127.0.0.1 instead. It touches nothing of the module system, and restores what
// it replaced, so modules are loaded and hooked as without it.
const net = require("node:net");

const { listen } = net.Server.prototype;
const port = Number(process.env.LOOPBACK_PORT);
delete process.env.LOOPBACK_PORT;

net.Server.prototype.listen = function (...args) {
  const [first] = args;
  const asked = typeof first === "object" && first !== null ? first.port : first;
  if (asked === undefined || Number.isNaN(Number(asked))) return listen.apply(this, args);
  net.Server.prototype.listen = listen;
  const callbacks = args.filter((argument) => typeof argument === "function");
  return listen.call(this, port, "127.0.0.1", ...callbacks);
};
