// Preloaded by the tests into each process of Node: what listens or leads beyond this machine is written down. It sees what
// goes through `node:net`, `node:dgram` and `node:dns`, which is everything in JavaScript; it lets all of it happen.
const { appendFileSync } = require("node:fs");
const dgram = require("node:dgram");
const dns = require("node:dns");
const net = require("node:net");

const { HOSTS_WATCH: file } = process.env;
const isLoopback = (host) =>
  host === undefined || host === null || host === "localhost" || host === "::1" || /^(?:::ffff:)?127\./.test(host);
const note = (what) => file && appendFileSync(file, `${what}\n`);

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (...args) {
  this.once("listening", () => {
    const address = this.address();
    if (typeof address === "object" && address && !isLoopback(address.address))
      note(`listens on ${address.address}:${address.port}`);
  });
  return listen.apply(this, args);
};

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  // `net.connect` hands on a list that it has put in order.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const host = typeof first === "object" && first ? first.host : typeof second === "string" ? second : undefined;
  if (!isLoopback(host)) note(`connects to ${host}`);
  return connect.apply(this, args);
};

for (const name of ["send", "connect", "bind"]) {
  const original = dgram.Socket.prototype[name];
  dgram.Socket.prototype[name] = function (...args) {
    const texts = args.filter((argument) => typeof argument === "string").slice(name === "send" ? -1 : 0);
    for (const host of texts) if (!isLoopback(host)) note(`${name} of a datagram: ${host}`);
    return original.apply(this, args);
  };
}

for (const owner of [dns, dns.promises]) {
  for (const name of ["lookup", "resolve", "resolve4", "resolve6", "resolveAny", "reverse"]) {
    const original = owner[name];
    owner[name] = function (host, ...rest) {
      if (!isLoopback(host)) note(`looks up ${host}`);
      return original.call(this, host, ...rest);
    };
  }
}
