//! The packages that the SDK instruments by module hooks, and how a file tells its package. Facts only.

use std::path::{Path, PathBuf};

/// The packages, sorted. They mirror what `@sentry/node` 8.55, 9.47 and 10.70 set up by themselves or offer as an
/// integration (`src/integrations/tracing`), under the names that each of its instrumentations, and those of
/// `@opentelemetry/instrumentation-*` it depends on, gives to `InstrumentationNodeModuleDefinition`.
static INSTRUMENTABLE: &[&str] = &[
    "@anthropic-ai/sdk",
    "@firebase/firestore",
    "@google/genai",
    "@hapi/hapi",
    "@langchain/anthropic",
    "@langchain/core",
    "@langchain/google-genai",
    "@langchain/google-vertexai",
    "@langchain/groq",
    "@langchain/langgraph",
    "@langchain/mistralai",
    "@langchain/openai",
    "@nestjs/common",
    "@nestjs/core",
    "@node-redis/client",
    "@prisma/client",
    "@redis/client",
    "ai",
    "amqplib",
    "connect",
    "dataloader",
    "express",
    "fastify",
    "firebase-functions",
    "generic-pool",
    "graphql",
    "hono",
    "ioredis",
    "kafkajs",
    "knex",
    "koa",
    "langchain",
    "lru-memoizer",
    "mongodb",
    "mongoose",
    "mysql",
    "mysql2",
    "openai",
    "pg",
    "pg-pool",
    "postgres",
    "redis",
    "tedious",
];

/// Whether the SDK instruments a package.
pub(crate) fn is_instrumentable(name: &str) -> bool {
    INSTRUMENTABLE.binary_search(&name).is_ok()
}

/// The package that a file is a part of: its name and its directory. A file of the build is a part of none.
pub(crate) fn of_file(file: &Path) -> Option<(String, PathBuf)> {
    let parts: Vec<&str> = file.iter().map(|part| part.to_str().unwrap_or_default()).collect();
    let at = parts.iter().rposition(|part| *part == "node_modules")?;
    let length = if parts.get(at + 1)?.starts_with('@') { 2 } else { 1 };
    let name = parts.get(at + 1..=at + length)?.join("/");
    Some((name, file.iter().take(at + 1 + length).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(INSTRUMENTABLE.is_sorted());
        assert!(is_instrumentable("pg") && !is_instrumentable("h3"));
    }

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let of = |file: &str| of_file(Path::new(file)).map(|(name, at)| (name, at.to_str().unwrap().to_owned()));
        assert_eq!(of("/app/node_modules/pg/lib/index.js"), Some(("pg".into(), "/app/node_modules/pg".into())));
        assert_eq!(
            of("/node_modules/a/node_modules/@hapi/hapi/lib/x.js"),
            Some(("@hapi/hapi".into(), "/node_modules/a/node_modules/@hapi/hapi".into()))
        );
        assert_eq!(of("/app/chunks/a.mjs"), None);
        assert_eq!(of("/app/node_modules"), None);
    }
}
