import { query } from "@solidjs/router";

export const greeting = query(async () => {
  "use server";
  return `Hello from the server, Node ${process.versions.node.split(".")[0]}`;
}, "greeting");
