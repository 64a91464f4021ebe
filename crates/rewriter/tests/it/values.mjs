// What is told of an exported value: its kind, and what an importer can see of it.
function kind(value) {
  if (value === null) return "null";
  if (typeof value !== "function") return typeof value;
  if (/^class\b/.test(Function.prototype.toString.call(value))) return "class";
  const names = {
    AsyncFunction: "async function",
    GeneratorFunction: "generator function",
    AsyncGeneratorFunction: "async generator function",
  };
  return names[Object.getPrototypeOf(value).constructor?.name] ?? "function";
}

const ordinary = ["length", "name", "prototype", "arguments", "caller"];

export function describe(value) {
  const described = { kind: kind(value) };
  if (typeof value === "function") {
    described.length = value.length;
    described.own = Reflect.ownKeys(value).map(String).filter((key) => !ordinary.includes(key)).sort();
  } else if (typeof value === "object" && value !== null) {
    described.own = Reflect.ownKeys(value).map(String).sort();
  } else if (value !== undefined) {
    described.value = String(value);
  }
  return described;
}
