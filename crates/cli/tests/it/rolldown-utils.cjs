// Stands in for `rolldown/utils`.
const { declared, defined } = require("./bundler.cjs");

exports.transform = async (_, text, { define }) => ({ code: defined(text, define), map: { version: 3, sources: [], mappings: "" }, errors: [] });
exports.parseSync = (file) => ({ module: { staticExports: declared(file).map((name) => ({ entries: [{ exportName: { kind: "Name", name } }] })) }, comments: [] });
