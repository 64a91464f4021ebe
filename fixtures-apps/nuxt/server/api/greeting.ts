export default defineEventHandler(() => `Hello from the server, Node ${process.versions.node.split(".")[0]}`);
