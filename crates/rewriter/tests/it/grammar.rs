//! Builds made from a grammar of modules: every form of import and export in every spelling, decided by bytes of
//! entropy. What must hold for them is not told here.

use std::collections::BTreeSet;

use arbitrary::Unstructured;
use presentry_rewriter::{EntryLoading, ExportStyle, InlinedInstrumentation, MemorySources, Mode, ModulePath, Request};

/// A generated build, with what the checks have to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The files of the server directory.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) request: Request,
    pub(crate) shape: Shape,
    /// What an importer loads: the entry, or a module that stands in front of it.
    pub(crate) front: String,
    /// The module whose exports the rewritten entry has to pass on, when it is not the entry as it was.
    pub(crate) runtime: Option<String>,
    /// Whether the order of evaluation depends on how fast files are read.
    pub(crate) racing: bool,
}

/// Where the instrumentation was when the build was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Beside the entry, which does not know of it.
    Fresh,
    /// Imported by the first line of the entry, as the SDK's `top-level-import` does.
    TopLevelImport,
    /// Inlined into the entry, which loads the runtime dynamically, as the SDK's `experimental_dynamic-import` does.
    SdkWrapped,
}

/// Export names; the second part tells whether a binding can have the name.
const NAMES: &[(&str, bool)] = &[
    ("a", true),
    ("handler", true),
    ("default", false),
    ("b", true),
    ("server", true),
    ("lazy", true),
    ("lazy_two", true),
    ("a b", false),
    ("a-b", false),
    ("", false),
    ("class", false),
    ("await", false),
    ("delete", false),
    ("let", false),
    ("eval", false),
    ("_a", true),
    ("_runtime", true),
    ("_error", true),
    ("a_b", true),
    ("as", true),
    ("from", true),
    ("async", true),
    ("get", true),
    ("of", true),
    ("undefined", true),
    ("__proto__", true),
    ("constructor", true),
    ("toString", true),
    ("arguments", false),
    ("*", false),
    ("default*", false),
    ("it's \"q\"", false),
    ("line\nend\u{2028}\u{0}", false),
    ("gr\u{fc}n", true),
    ("\u{1d4b3}", true),
    ("\u{1f600}", false),
    ("$", true),
    ("exports", true),
    ("module", true),
    ("then", true),
];

const ENTRIES: &[&str] = &[
    "index.mjs",
    "index.mjs",
    "index.mjs",
    "main.mjs",
    "server.mjs",
    "entry.mjs",
    "it's \"odd\" 100% [...x] gr\u{fc}n#?.mjs",
    "[...404].mjs",
    "%69ndex.mjs",
    "\u{1f600}`$.mjs",
    "index.js",
    "e.mjs",
    "functions/index.mjs",
];

const CHUNKS: &[&str] = &[
    "chunks/nitro/nitro.mjs",
    "chunks/app.mjs",
    "chunks/index.mjs",
    "_chunks/a b.mjs",
    "chunks/%20.mjs",
    "entry.mjs",
    "entr1.mjs",
    "chunks/it's {x}^|`.mjs",
    "chunks/\"q\".mjs",
    "chunks/gr\u{fc}n/100%.mjs",
    "chunks/a#b?.mjs",
    "chunks/[id]/[...404].mjs",
    "chunks/legacy.js",
];

/// Statements without effect that look like imports, or need a real parser to be skipped.
const NOISE: &[&str] = &[
    "// import './index.mjs'",
    "/* export * from '../index.mjs' */",
    "const n0 = \"import('./index.mjs')\";",
    "const n1 = `import './index.mjs'; ${`export * from '${1}'`} \\` \\${`;",
    "const n2 = /import\\/[/'\"`]from '.\\/index.mjs'/u;",
    "const n3 = { import: 1, from: './index.mjs', export: 2, get default() { return 3; } }; n3.import / n3.from / 1;",
    "import.meta.url;",
    "new URL('./x.txt', import.meta.url);",
    "label: for (const x of []) { continue label; }",
    "class N4 { static { this.x = 'import \"./index.mjs\"'; } #p = 1; import() { return this.#p; } }",
    "if (0) { import('./missing.mjs'); }",
    "const n5 = () => import(n1 + '');",
    "for await (const n6 of []) {}",
    "await null;",
    "//# sourceMappingURL=data:application/json,{}",
    "!function () { var from = 'x'; return from\n/1/ 2 }();",
    "globalThis._importMeta_ = { url: import.meta.url, env: process.env };",
    "var n7 = 1, n7 = 2; { function n8() {} }",
    "var a\u{300}b, \\u{6e}10 = '\\\n';",
];

/// Values, none of which names another module.
const VALUES: &[&str] = &[
    "1",
    "function () {}",
    "async (a, b = 1, ...c) => {}",
    "class { static x = 1 }",
    "{ fetch() {}, 'a b': [1] }",
    "Object.assign((a) => a, { __endpoint: { region: ['x'] } })",
    "function* (a) {}",
    "async function* named(a, b) {}",
    "'./index.mjs'",
    "`t${1}`",
    "null",
    "undefined",
    "void 0",
    "10n",
    "Symbol.for('x')",
    "/re/g",
    "[1, 2]",
    "new Map()",
    "(0, function () {})",
    "true ? 'a' : () => {}",
    "await (async () => 1)()",
    "(() => class Named {})()",
    "-1",
    "!0",
    "typeof 1",
    "1 + 1",
    "(a, b) => { return import.meta.url; }",
    "{ then: 1 }",
    "parseInt",
];

/// White space and comments between the tokens of an import or export.
const ODD_SPACES: &[&str] = &[
    " ",
    "\n",
    "\t",
    "/**/",
    "/* from './index.mjs' */",
    "// import './index.mjs'\n",
    "\u{a0}",
    "\u{feff}",
    "\u{2028}",
    "\u{c}",
    "\r",
];

/// Decisions, taken from bytes. When they are used up, every decision is the first choice, so a build gets simpler as
/// its entropy gets shorter.
pub(crate) struct Dice<'a>(Unstructured<'a>);

impl<'a> Dice<'a> {
    pub(crate) fn new(entropy: &'a [u8]) -> Self {
        Self(Unstructured::new(entropy))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end - 1).unwrap_or(0)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What a module is to have, decided before any text is written, so that modules can name each other's exports.
struct Module {
    path: String,
    /// The names it declares itself.
    local: Vec<&'static str>,
    /// The modules that it has to load in any case, so that everything is loaded from the entry.
    children: Vec<usize>,
}

/// Makes a build.
pub(crate) fn case(dice: &mut Dice<'_>) -> Case {
    let shape = match dice.below(10) {
        0..=7 => Shape::Fresh,
        8 => Shape::TopLevelImport,
        _ => Shape::SdkWrapped,
    };
    let mut case = plain_build(dice);
    match shape {
        Shape::Fresh => {}
        Shape::TopLevelImport => import_at_top(&mut case),
        Shape::SdkWrapped => wrap_like_the_sdk(dice, &mut case),
    }
    if case.shape == Shape::Fresh && dice.chance(10) {
        stand_in_front(dice, &mut case);
    }
    case
}

/// A few bytes of a few files taken out, doubled or replaced.
pub(crate) fn mangled(files: &MemorySources, dice: &mut Dice<'_>) -> MemorySources {
    const PIECES: &[&[u8]] = &[b"\xff", b"'", b"\\", b"{", b"\n", b"`"];
    let mut mangled = files.clone();
    let paths: Vec<ModulePath> = files.iter().map(|(path, _)| path.clone()).collect();
    for _ in 0..1 + dice.below(3) {
        let path = &paths[dice.below(paths.len())];
        let mut bytes = mangled.remove(path).unwrap_or_default();
        let start = dice.below(bytes.len() + 1);
        let end = (start + dice.below(20)).min(bytes.len());
        let piece: Vec<u8> = bytes[start..end].to_vec();
        match dice.below(4) {
            0 => drop(bytes.drain(start..end)),
            1 => drop(bytes.splice(start..start, piece)),
            2 => bytes.truncate(start),
            _ => drop(bytes.splice(start..end, dice.pick(PIECES).iter().copied())),
        }
        mangled.insert(path.clone(), bytes);
    }
    mangled
}

fn plain_build(dice: &mut Dice<'_>) -> Case {
    let entry = dice.pick(ENTRIES);
    let wrap = dice.chance(5);
    let mut paths: BTreeSet<&str> = (0..dice.below(7)).map(|_| dice.pick(CHUNKS)).collect();
    paths.remove(entry);
    let mut modules = vec![Module { path: entry.to_owned(), local: Vec::new(), children: Vec::new() }];
    modules.extend(paths.into_iter().map(|path| Module { path: path.to_owned(), local: vec![], children: vec![] }));
    let common = if dice.chance(50) { 6 } else { NAMES.len() };
    for at in 0..modules.len() {
        let names: BTreeSet<usize> = (0..dice.below(6)).map(|_| dice.below(common)).collect();
        modules[at].local = names.into_iter().map(|name| NAMES[name].0).collect();
        if at > 0 {
            let parent = dice.below(at);
            modules[parent].children.push(at);
        }
    }
    let mut awaited_imports = 0;
    let mut files = Vec::new();
    for at in 0..modules.len() {
        let mut writer = Writer::new(dice, &modules, at);
        writer.plain_functions_only = wrap && at == 0;
        writer.write();
        awaited_imports += writer.awaited_imports;
        files.push((modules[at].path.clone(), writer.finish()));
    }
    let wrap = wrap && !modules[0].local.is_empty();
    let wrapped = modules[0].local.iter().map(|name| (*name).to_owned()).collect();
    let exports = if wrap { ExportStyle::Wrap(wrapped) } else { ExportStyle::Await };
    let loading = match &exports {
        ExportStyle::Wrap(_) => EntryLoading::Required,
        ExportStyle::Await => dice.pick(&[EntryLoading::Process, EntryLoading::Imported, EntryLoading::Launcher]),
    };
    let entry = ModulePath::new(entry).expect("the table has valid paths");
    let instrumentation = entry.sibling("instrument.server.mjs").expect("one segment");
    let starts = dice.pick(&[
        "import * as Sentry from '@sentry/solidstart';\nSentry.init({});\n",
        "import { init } from \"@sentry/solidstart\"\ninit()\n",
        "import{init as i}from'@sentry/solidstart';import'./own.mjs';i({dsn:'x'});",
    ]);
    if starts.contains("own.mjs") {
        files.push((format!("{}own.mjs", entry.directory()), "export const own = 1;\n".into()));
    }
    files.push((instrumentation.as_str().to_owned(), starts.to_owned()));
    files.push(("data.json".into(), "{ \"a\": 1 }\n".into()));
    files.push(("chunks/common.cjs".into(), "exports.a = 1;\nexports.b = function b() {};\n".into()));
    files.push(("package.json".into(), "{ \"type\": \"module\" }\n".into()));
    Case {
        files,
        front: entry.as_str().to_owned(),
        request: Request {
            entry,
            instrumentation,
            loading,
            exports,
            mode: Mode::DynamicImport,
            inlined: InlinedInstrumentation::TakeOut,
            compile_cache: None,
            guard: true,
            trust: presentry_rewriter::InitTrust::Proof,
            channels_follow: false,
        },
        shape: Shape::Fresh,
        runtime: None,
        racing: awaited_imports > 1,
    }
}

fn import_at_top(case: &mut Case) {
    let entry = &mut case.files[0].1;
    // The SDK puts its line before everything else; what has to come first keeps a build from having one.
    if !entry.starts_with("#!") && !entry.starts_with('\u{feff}') {
        entry.insert_str(0, "import './instrument.server.mjs';\n");
        case.shape = Shape::TopLevelImport;
    }
}

/// Moves the entry into a chunk, and writes an entry like the SDK's around it.
fn wrap_like_the_sdk(dice: &mut Dice<'_>, case: &mut Case) {
    let runtime = "chunks/runtime.mjs";
    if case.files[0].0 != "index.mjs" || case.request.exports != ExportStyle::Await {
        return;
    }
    case.files.retain(|(path, _)| !path.ends_with(".mjs") || path == "index.mjs");
    let member = dice.chance(30);
    let names: BTreeSet<&str> = (0..1 + dice.below(3)).map(|_| dice.pick(&["default", "handler", "server"])).collect();
    let left = dice.chance(40);
    let mut text = "(globalThis.order ??= []).push('runtime');\nimport 'stub-esm';\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        text += &format!("const f{number} = Object.assign(async function (a) {{ return a; }}, {{ x: {number} }});\n");
        text += &format!("export {{ f{number} as {name} }};\n");
    }
    if member {
        let list: Vec<String> = names.iter().enumerate().map(|(number, name)| format!("{name}: f{number}")).collect();
        text += &format!("const ns = Object.freeze({{ __proto__: null, {} }});\n", list.join(", "));
        text += "export { ns as h };\n";
    }
    text += "export const listener = (req, res) => {};\n";
    let load = format!("import('./{runtime}'){}", if member { ".then(function (n) { return n.h; })" } else { "" });
    let mut entry = String::from("import * as t from '@sentry/solidstart';\n");
    if left {
        entry += &format!("export {{ listener }} from './{runtime}';\nimport 'stub-esm';\n");
    }
    entry += &format!("\nt.init({{}});\n\n{load};\n");
    for name in &names {
        entry += &format!(
            "async function {name}_sentryWrapped(...args) {{\n  const res = await {load};\n  return res.{name}.call(this, ...args);\n}}\n"
        );
    }
    let list: Vec<String> = names.iter().map(|name| format!("{name}_sentryWrapped as {name}")).collect();
    entry += &format!("\nexport {{ {} }};\n", list.join(", "));
    case.files[0].1 = entry;
    case.files.push((runtime.to_owned(), text));
    case.runtime = Some(runtime.to_owned());
    case.shape = Shape::SdkWrapped;
    case.racing = false;
}

/// A module such as Netlify's `server.mjs`, which the host loads and which loads the entry.
fn stand_in_front(dice: &mut Dice<'_>, case: &mut Case) {
    let entry = &case.request.entry;
    if entry.as_str() != "main.mjs" && entry.as_str() != "index.mjs" {
        return;
    }
    let mut text = format!("export * from \"./{entry}\";\n");
    if dice.chance(50) {
        text += "export const config = { path: '/*' };\n";
    }
    case.front = "front.mjs".into();
    case.files.push(("front.mjs".into(), text));
}

/// Writes the text of one module.
struct Writer<'d, 'e, 'm> {
    dice: &'d mut Dice<'e>,
    modules: &'m [Module],
    at: usize,
    /// How tokens are set apart: 0 as little as can be, 1 as people do, 2 in every odd way.
    spacing: usize,
    /// Whether specifiers are spelled in odd ways.
    odd_specifiers: bool,
    plain_functions_only: bool,
    /// The names that are exported already.
    exported: BTreeSet<String>,
    /// The numbers given to local names.
    locals: usize,
    statements: Vec<String>,
    awaited_imports: usize,
}

impl<'d, 'e, 'm> Writer<'d, 'e, 'm> {
    fn new(dice: &'d mut Dice<'e>, modules: &'m [Module], at: usize) -> Self {
        let spacing = dice.pick(&[1, 0, 2]);
        let odd_specifiers = dice.chance(25);
        let exported = modules[at].local.iter().map(|name| (*name).to_owned()).collect();
        Self {
            dice,
            modules,
            at,
            spacing,
            odd_specifiers,
            plain_functions_only: false,
            exported,
            locals: 0,
            statements: Vec::new(),
            awaited_imports: 0,
        }
    }

    fn write(&mut self) {
        for name in &self.modules[self.at].local {
            self.local_export(name);
        }
        for child in &self.modules[self.at].children {
            if self.dice.chance(15) && !self.plain_functions_only {
                self.dynamic_import(*child, true);
            } else {
                self.static_import(*child);
            }
        }
        for _ in 0..self.dice.below(4) {
            let any = self.dice.below(self.modules.len());
            // Most requests go down the list, or few builds would be free of cycles.
            let target = if self.dice.chance(50) { any } else { any.max(self.at) };
            match self.dice.below(8) {
                0..=5 => self.static_import(target),
                6 => self.dynamic_import(target, false),
                _ => self.request_elsewhere(),
            }
        }
        for _ in 0..self.dice.below(3) {
            let noise = self.dice.pick(NOISE);
            // A binding that is declared twice is an early error, and a host that calls `require()` cannot await.
            let twice = self.statements.iter().any(|statement| statement == noise);
            let awaits = noise.contains("await") && self.plain_functions_only;
            if !twice && !awaits {
                self.statements.push(noise.to_owned());
            }
        }
    }

    fn finish(mut self) -> String {
        for at in (1..self.statements.len()).rev() {
            let other = self.dice.below(at + 1);
            self.statements.swap(at, other);
        }
        let mut text = String::new();
        if self.dice.chance(5) {
            text.push('\u{feff}');
        }
        if self.at == 0 && self.dice.chance(8) {
            text.push_str("#!/usr/bin/env node import './index.mjs'\n");
        }
        if self.dice.chance(8) {
            text.push_str(self.dice.pick(&["'use strict';\n", "\"use strict\"\n;", "'import \"./index.mjs\"';\n"]));
        }
        text.push_str(&format!("(globalThis.order ??= []).push('m{}');\n", self.at));
        for statement in &self.statements {
            text.push_str(statement);
            text.push('\n');
        }
        if self.dice.chance(5) {
            text.push_str("//# sourceMappingURL=index.mjs.map");
        }
        if self.dice.chance(10) { text.replace('\n', "\r\n") } else { text }
    }

    fn local(&mut self) -> String {
        self.locals += 1;
        format!("v{}", self.locals)
    }

    /// Sets tokens apart.
    fn tokens(&mut self, tokens: &[&str]) -> String {
        let mut text = String::new();
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '\\'));
        for token in tokens {
            let needed = word(text.chars().last()) && word(token.chars().next());
            match self.spacing {
                _ if text.is_empty() => {}
                1 => text.push(' '),
                2 if needed || self.dice.chance(30) => text.push_str(self.dice.pick(ODD_SPACES)),
                _ if needed => text.push(' '),
                _ => {}
            }
            text.push_str(token);
        }
        text
    }

    fn statement(&mut self, tokens: &[&str]) {
        let mut text = self.tokens(tokens);
        text.push_str(if self.dice.chance(20) { "" } else { ";" });
        self.statements.push(text);
    }

    /// An export name as it stands in a clause.
    fn export_name(&mut self, name: &str) -> String {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        let is_word = known.is_some_and(|(_, bindable)| *bindable)
            || matches!(name, "default" | "class" | "await" | "delete" | "let" | "eval" | "arguments");
        if is_word && !self.dice.chance(10) { name.to_owned() } else { self.string(name, false) }
    }

    /// A string literal with a value.
    fn string(&mut self, value: &str, odd: bool) -> String {
        let quote = if self.dice.chance(40) { '"' } else { '\'' };
        let mut literal = quote.to_string();
        for c in value.chars() {
            if odd && self.dice.chance(6) {
                match (self.dice.below(3), u32::from(c)) {
                    (0, code @ ..=0xff) => literal += &format!("\\x{code:02X}"),
                    (1, code @ ..=0xffff) => literal += &format!("\\u{code:04x}"),
                    (2, _) if !c.is_ascii_alphanumeric() && c != '\n' && c != '\u{2028}' => literal.extend(['\\', c]),
                    (_, code) => literal += &format!("\\u{{{code:x}}}"),
                }
            } else if c == quote || c == '\\' {
                literal.extend(['\\', c]);
            } else if c.is_control() {
                literal += &format!("\\u{{{:x}}}", u32::from(c));
            } else {
                literal.push(c);
            }
        }
        literal.push(quote);
        literal
    }

    /// The URL reference from this module to another file of the build.
    fn reference(&mut self, target: &str) -> String {
        let from = self.modules[self.at].path.matches('/').count();
        let up = if from == 0 { "./".to_owned() } else { "../".repeat(from) };
        let mut reference = up;
        if self.odd_specifiers && self.dice.chance(15) {
            reference.push_str(self.dice.pick(&["./", "x/../", "%2e/", "x/%2E%2e/"]));
        }
        for c in target.chars() {
            let must = matches!(c, '%' | '?' | '#' | '\\') || c.is_ascii_control();
            if must || (c != '/' && self.odd_specifiers && self.dice.chance(6)) {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    reference += &format!("%{byte:02X}");
                }
            } else {
                reference.push(c);
            }
        }
        if self.odd_specifiers && self.dice.chance(15) {
            reference.push_str(self.dice.pick(&["?v=1", "#h", "?a=/index.mjs", "?", "#/?/"]));
        }
        reference
    }

    fn specifier(&mut self, target: usize) -> String {
        let modules = self.modules;
        let reference = self.reference(&modules[target].path);
        let odd = self.odd_specifiers;
        self.string(&reference, odd)
    }

    fn local_export(&mut self, name: &'static str) {
        let bindable = NAMES.iter().any(|(known, bindable)| *known == name && *bindable);
        if self.plain_functions_only {
            let local = self.local();
            let is_async = self.dice.pick(&["async ", ""]);
            self.statements.push(format!("{is_async}function {local}(a, b) {{ return [this, a, b]; }}"));
            let exported = self.export_name(name);
            return self.statement(&["export", "{", &local, "as", &exported, "}"]);
        }
        if name.starts_with("lazy") {
            let target = self.dice.below(self.modules.len());
            let import = self.import_call(target);
            let keyword = self.dice.pick(&["const", "let", "var"]);
            return self.statements.push(format!("export {keyword} {name} = () => {import};"));
        }
        if name == "default" && self.dice.chance(70) {
            return self.default_export();
        }
        let value = self.dice.pick(VALUES);
        if !bindable || self.dice.chance(30) {
            let local = self.local();
            let keyword = self.dice.pick(&["const", "let", "var"]);
            self.statements.push(format!("{keyword} {local} = {value};"));
            if keyword != "const" && self.dice.chance(15) {
                let value = self.dice.pick(VALUES);
                self.statements.push(format!("{local} = {value};"));
            }
            let exported = self.export_name(name);
            return self.statement(&["export", "{", &local, "as", &exported, "}"]);
        }
        let statement = match self.dice.below(9) {
            0 => format!("export function {name}(a, b = 1) {{}}"),
            1 => format!("export async function {name}() {{}}"),
            2 => format!("export function* {name}() {{}}"),
            3 => format!("export async function*{name}(a) {{}}"),
            4 => format!("export class {name} {{ static x = 1 }}"),
            5 => format!("export const {{ x: {name} = {value} }} = {{}};"),
            6 => format!("export let [, {name}] = [1, {value}];"),
            7 => format!("export let {name}; {name} = {value};"),
            _ => format!("export {} {name} = {value};", self.dice.pick(&["const", "let", "var"])),
        };
        self.statements.push(statement);
        if self.dice.chance(10) {
            self.statements.push(format!("try {{ {name}.extra = 1; }} catch {{}}"));
        }
    }

    fn default_export(&mut self) {
        let statement = match self.dice.below(10) {
            0 => "export default function () {}".into(),
            1 => "export default function named(a) {}".into(),
            2 => "export default async function (a) {}".into(),
            3 => "export default function* () {}".into(),
            4 => "export default async function* named() {}".into(),
            5 => "export default class { static y = 1 }".into(),
            6 => "export default class Named { }".into(),
            7 => "export default (class { })".into(),
            8 => "export default/**/async(a)=>{};".into(),
            _ => format!("export default ({});", self.dice.pick(VALUES)),
        };
        self.statements.push(statement);
    }

    /// A name for a re-export that this module does not have yet.
    fn new_export(&mut self) -> Option<String> {
        let name = if self.plain_functions_only { return None } else { self.dice.pick(NAMES).0 };
        // A function that loads its own module, exported as `then`, would call itself for ever.
        (!name.starts_with("lazy") && name != "then" && self.exported.insert(name.to_owned())).then(|| name.to_owned())
    }

    /// A name that another module exports for sure, but for a few.
    fn name_of(&mut self, target: usize) -> Option<&'static str> {
        if self.dice.chance(2) {
            return Some(self.dice.pick(NAMES).0);
        }
        let local = &self.modules[target].local;
        (!local.is_empty()).then(|| local[self.dice.below(local.len())])
    }

    fn static_import(&mut self, target: usize) {
        let specifier = self.specifier(target);
        let wanted = self.name_of(target);
        let local = self.local();
        match (self.dice.below(12), wanted) {
            (0, _) => self.statement(&["import", &specifier]),
            (1, _) => self.statement(&["import", "{", "}", "from", &specifier]),
            (2, _) => {
                self.statement(&["import", "*", "as", &local, "from", &specifier]);
                self.use_binding(&local);
            }
            (3, _) if !self.plain_functions_only => self.statement(&["export", "*", "from", &specifier]),
            (4, _) => {
                if let Some(name) = self.new_export() {
                    let name = self.export_name(&name);
                    self.statement(&["export", "*", "as", &name, "from", &specifier]);
                } else {
                    self.statement(&["export", "{", "}", "from", &specifier]);
                }
            }
            (5 | 6, Some(wanted)) => {
                let Some(name) = self.new_export() else { return self.statement(&["import", &specifier]) };
                let (import, export) = (self.export_name(wanted), self.export_name(&name));
                match wanted == name && self.dice.chance(50) {
                    true => self.statement(&["export", "{", &export, "}", "from", &specifier]),
                    false => self.statement(&["export", "{", &import, "as", &export, ",", "}", "from", &specifier]),
                }
            }
            (7, Some("default")) => {
                self.statement(&["import", &local, "from", &specifier]);
                self.use_binding(&local);
            }
            (8, Some("default")) => {
                let namespace = self.local();
                self.statement(&["import", &local, ",", "*", "as", &namespace, "from", &specifier]);
                self.use_binding(&namespace);
            }
            (9, Some(wanted)) => {
                let import = self.export_name(wanted);
                self.statement(&["import", "{", &import, "as", &local, "}", "from", &specifier]);
                if let Some(name) = self.new_export() {
                    let name = self.export_name(&name);
                    self.statement(&["export", "{", &local, "as", &name, "}"]);
                }
            }
            (10, _) => {
                self.statement(&["import", "*", "as", &local, "from", &specifier]);
                if let Some(name) = self.new_export() {
                    let name = self.export_name(&name);
                    self.statement(&["export", "{", &local, "as", &name, ",", "}"]);
                }
            }
            (_, Some(wanted)) => {
                let import = self.export_name(wanted);
                self.statement(&["import", "{", &import, "as", &local, ",", "}", "from", &specifier]);
                self.use_binding(&local);
            }
            (_, None) => self.statement(&["import", &specifier]),
        }
    }

    /// Uses an imported binding, at once or later.
    fn use_binding(&mut self, local: &str) {
        if self.dice.chance(30) {
            // In a cycle it may not be initialised yet, and that must stay as it was.
            self.statements.push(format!("try {{ order.push(typeof {local}); }} catch {{ order.push('early'); }}"));
        } else if self.dice.chance(50) {
            let later = self.local();
            self.statements.push(format!("const {later} = () => {local};"));
        }
    }

    /// An `import()` of a module with a literal specifier.
    fn import_call(&mut self, target: usize) -> String {
        let mut specifier = self.specifier(target);
        let reference = self.modules[target].path.clone();
        if self.dice.chance(15) && !self.odd_specifiers && !reference.contains(['`', '$', '%', '?', '#', '\\']) {
            specifier = format!("`{}`", self.reference(&reference));
        }
        self.tokens(&["import", "(", &specifier, ")"])
    }

    fn dynamic_import(&mut self, target: usize, is_child: bool) {
        let import = self.import_call(target);
        // What loads an importer of this module again would wait for itself.
        if is_child && self.dice.chance(60) {
            self.awaited_imports += 1;
            let local = self.local();
            self.statements.push(format!("const {local} = await {import};"));
        } else {
            let local = self.local();
            self.statements.push(format!("const {local} = () => {import};"));
        }
    }

    /// Requests of what is no ES module of the build.
    fn request_elsewhere(&mut self) {
        let local = self.local();
        let name = self.new_export().unwrap_or_default();
        let exported = self.export_name(&name);
        let (json, common) = (self.reference("data.json"), self.reference("chunks/common.cjs"));
        let (json, common) = (self.string(&json, false), self.string(&common, false));
        let taken = name.is_empty();
        let attributes = self.tokens(&["with", "{", "type", ":", "'json'", ",", "}"]);
        match self.dice.below(14) {
            0..=2 => self.statement(&["import", "'stub-esm'"]),
            3 => {
                let named = self.local();
                self.statement(&["import", &local, ",", "{", "a", "as", &named, "}", "from", "\"stub-esm\""]);
            }
            4 if !taken => self.statement(&["export", "{", "a", "as", &exported, "}", "from", "'stub-cjs'"]),
            5 => self.statement(&["import", "fs", "from", "'node:fs'"]),
            6 if !taken => self.statement(&["export", "{", "join", "as", &exported, "}", "from", "'node:path'"]),
            7 => self.statement(&["import", &local, "from", &json, &attributes]),
            8 if !taken => {
                self.statement(&["export", "{", "default", "as", &exported, "}", "from", &json, &attributes]);
            }
            9 => self.statement(&["import", &local, "from", &common]),
            10 if !taken => self.statement(&["export", "{", "b", "as", &exported, "}", "from", &common]),
            // What a star export of a package gives cannot be known from the build.
            11 if self.dice.chance(30) && !self.plain_functions_only => {
                self.statement(&["export", "*", "from", "'stub-esm'"]);
            }
            // Node 20 knows neither.
            12 if self.dice.chance(20) => {
                let word = self.dice.pick(&["defer * as", "source"]);
                self.statements.push(format!("import {word} {local} from 'stub-esm';"));
            }
            _ => self.statement(&["import", "'node:http'"]),
        }
    }
}
