//! The files into which SDK 11 injects diagnostics channels while they are loaded. Facts only: no decision is taken here.

/// A version as `major.minor.patch`.
pub(crate) type Version = (u64, u64, u64);

/// Where a range has no upper end.
const OPEN: Version = (u64::MAX, 0, 0);

/// Package, first version, first version that is too new, file. The rows mirror the exact file paths of
/// `SENTRY_RUNTIME_INSTRUMENTATIONS` in `@sentry/server-utils/orchestrion/config` 11.12.0. Files that are given
/// there as patterns are left out.
static TARGETS: &[(&str, Version, Version, &str)] = &[
    ("@anthropic-ai/sdk", (0, 19, 2), (1, 0, 0), "resources/completions.js"),
    ("@anthropic-ai/sdk", (0, 19, 2), (1, 0, 0), "resources/completions.mjs"),
    ("@anthropic-ai/sdk", (0, 19, 2), (2, 0, 0), "resources/beta/messages/messages.js"),
    ("@anthropic-ai/sdk", (0, 19, 2), (2, 0, 0), "resources/beta/messages/messages.mjs"),
    ("@anthropic-ai/sdk", (0, 19, 2), (2, 0, 0), "resources/messages/messages.js"),
    ("@anthropic-ai/sdk", (0, 19, 2), (2, 0, 0), "resources/messages/messages.mjs"),
    ("@anthropic-ai/sdk", (0, 63, 0), (2, 0, 0), "resources/beta/messages/messages.js"),
    ("@anthropic-ai/sdk", (0, 63, 0), (2, 0, 0), "resources/beta/messages/messages.mjs"),
    ("@anthropic-ai/sdk", (0, 97, 0), (2, 0, 0), "lib/tools/SessionToolRunner.js"),
    ("@anthropic-ai/sdk", (0, 97, 0), (2, 0, 0), "lib/tools/SessionToolRunner.mjs"),
    ("@aws-sdk/smithy-client", (3, 1, 0), (4, 0, 0), "dist-cjs/index.js"),
    ("@earendil-works/pi-durable", (1, 0, 0), (2, 0, 0), "dist/harness/harness.js"),
    ("@earendil-works/pi-durable", (1, 0, 0), (2, 0, 0), "dist/tools/bash.js"),
    ("@earendil-works/pi-durable", (1, 0, 0), (2, 0, 0), "dist/tools/edit.js"),
    ("@earendil-works/pi-durable", (1, 0, 0), (2, 0, 0), "dist/tools/read.js"),
    ("@earendil-works/pi-durable", (1, 0, 0), (2, 0, 0), "dist/tools/write.js"),
    ("@google/genai", (0, 10, 0), (3, 0, 0), "dist/node/index.cjs"),
    ("@google/genai", (0, 10, 0), (3, 0, 0), "dist/node/index.js"),
    ("@google/genai", (0, 10, 0), (3, 0, 0), "dist/node/index.mjs"),
    ("@hapi/hapi", (17, 0, 0), (22, 0, 0), "lib/server.js"),
    ("@langchain/core", (0, 1, 0), (2, 0, 0), "dist/language_models/chat_models.cjs"),
    ("@langchain/core", (0, 1, 0), (2, 0, 0), "dist/language_models/chat_models.js"),
    ("@langchain/google-common", (0, 1, 0), (3, 0, 0), "dist/embeddings.cjs"),
    ("@langchain/google-common", (0, 1, 0), (3, 0, 0), "dist/embeddings.js"),
    ("@langchain/google-genai", (0, 1, 0), (3, 0, 0), "dist/embeddings.cjs"),
    ("@langchain/google-genai", (0, 1, 0), (3, 0, 0), "dist/embeddings.js"),
    ("@langchain/langgraph", (0, 0, 0), (2, 0, 0), "dist/graph/state.cjs"),
    ("@langchain/langgraph", (0, 0, 0), (2, 0, 0), "dist/graph/state.js"),
    ("@langchain/langgraph", (0, 0, 0), (2, 0, 0), "dist/prebuilt/react_agent_executor.cjs"),
    ("@langchain/langgraph", (0, 0, 0), (2, 0, 0), "dist/prebuilt/react_agent_executor.js"),
    ("@langchain/mistralai", (0, 1, 0), (2, 0, 0), "dist/embeddings.cjs"),
    ("@langchain/mistralai", (0, 1, 0), (2, 0, 0), "dist/embeddings.js"),
    ("@langchain/openai", (0, 1, 0), (2, 0, 0), "dist/embeddings.cjs"),
    ("@langchain/openai", (0, 1, 0), (2, 0, 0), "dist/embeddings.js"),
    ("@langchain/typesafe", (0, 0, 1), (1, 0, 0), "dist/classifier.cjs"),
    ("@langchain/typesafe", (0, 0, 1), (1, 0, 0), "dist/classifier.js"),
    ("@mistralai/mistralai", (2, 0, 0), (4, 0, 0), "esm/sdk/agents.js"),
    ("@mistralai/mistralai", (2, 0, 0), (4, 0, 0), "esm/sdk/chat.js"),
    ("@mistralai/mistralai", (2, 0, 0), (4, 0, 0), "esm/sdk/embeddings.js"),
    ("@nestjs/bullmq", (10, 0, 0), OPEN, "dist/decorators/processor.decorator.js"),
    ("@nestjs/common", (8, 0, 0), (13, 0, 0), "decorators/core/catch.decorator.js"),
    ("@nestjs/common", (8, 0, 0), (13, 0, 0), "decorators/core/injectable.decorator.js"),
    ("@nestjs/core", (8, 0, 0), (13, 0, 0), "nest-factory.js"),
    ("@nestjs/core", (8, 0, 0), (13, 0, 0), "router/router-execution-context.js"),
    ("@nestjs/event-emitter", (2, 0, 0), OPEN, "dist/decorators/on-event.decorator.js"),
    ("@nestjs/schedule", (2, 0, 0), OPEN, "dist/decorators/cron.decorator.js"),
    ("@nestjs/schedule", (2, 0, 0), OPEN, "dist/decorators/interval.decorator.js"),
    ("@nestjs/schedule", (2, 0, 0), OPEN, "dist/decorators/timeout.decorator.js"),
    ("@nestjs/schedule", (6, 0, 0), OPEN, "dist/schedule.explorer.js"),
    ("@prisma/orm-family-sql", (8, 0, 0), (9, 0, 0), "dist/orm-client.mjs"),
    ("@redis/client", (1, 0, 0), (2, 0, 0), "dist/lib/client/index.js"),
    ("@redis/client", (5, 0, 0), (5, 12, 0), "dist/lib/client/index.js"),
    ("@remix-run/assets", (0, 6, 0), (2, 0, 0), "dist/lib/asset-server.js"),
    ("@remix-run/component", (1, 0, 0), (2, 0, 0), "dist/runtime/run.js"),
    ("@remix-run/fetch-router", (0, 21, 0), (2, 0, 0), "dist/lib/router.js"),
    ("@remix-run/node-fetch-server", (0, 14, 0), (2, 0, 0), "dist/lib/request-listener.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (2, 9, 0), "dist/data.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (2, 9, 0), "dist/esm/data.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (3, 0, 0), "dist/esm/routeMatching.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (3, 0, 0), "dist/esm/server.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (3, 0, 0), "dist/routeMatching.js"),
    ("@remix-run/server-runtime", (2, 0, 0), (3, 0, 0), "dist/server.js"),
    ("@remix-run/server-runtime", (2, 9, 0), (3, 0, 0), "dist/data.js"),
    ("@remix-run/server-runtime", (2, 9, 0), (3, 0, 0), "dist/esm/data.js"),
    ("@remix-run/ui", (0, 8, 0), (1, 0, 0), "dist/runtime/run.js"),
    ("@smithy/core", (3, 24, 0), (4, 0, 0), "dist-cjs/submodules/client/index.js"),
    ("@smithy/smithy-client", (1, 0, 3), (5, 0, 0), "dist-cjs/index.js"),
    ("@typesafe-ai/sdk", (0, 5, 0), (1, 0, 0), "dist/index.cjs"),
    ("@typesafe-ai/sdk", (0, 5, 0), (1, 0, 0), "dist/index.mjs"),
    ("ai", (4, 0, 0), (7, 0, 0), "dist/index.js"),
    ("ai", (4, 0, 0), (7, 0, 0), "dist/index.mjs"),
    ("ai", (5, 0, 0), (7, 0, 0), "dist/index.js"),
    ("ai", (5, 0, 0), (7, 0, 0), "dist/index.mjs"),
    ("ai", (6, 0, 0), (7, 0, 0), "dist/index.js"),
    ("ai", (6, 0, 0), (7, 0, 0), "dist/index.mjs"),
    ("amqplib", (0, 5, 5), (3, 0, 0), "lib/callback_model.js"),
    ("amqplib", (0, 5, 5), (3, 0, 0), "lib/channel.js"),
    ("amqplib", (0, 5, 5), (3, 0, 0), "lib/channel_model.js"),
    ("amqplib", (0, 5, 5), (3, 0, 0), "lib/connect.js"),
    ("cron", (4, 3, 0), (5, 0, 0), "dist/job.js"),
    ("dataloader", (2, 0, 0), (3, 0, 0), "index.js"),
    ("express", (4, 0, 0), (5, 0, 0), "lib/router/index.js"),
    ("express", (4, 0, 0), (5, 0, 0), "lib/router/layer.js"),
    ("firebase-functions", (6, 0, 0), (7, 0, 0), "lib/v2/providers/firestore.js"),
    ("firebase-functions", (6, 0, 0), (7, 0, 0), "lib/v2/providers/https.js"),
    ("firebase-functions", (6, 0, 0), (7, 0, 0), "lib/v2/providers/scheduler.js"),
    ("firebase-functions", (6, 0, 0), (7, 0, 0), "lib/v2/providers/storage.js"),
    ("generic-pool", (2, 4, 0), (3, 0, 0), "lib/generic-pool.js"),
    ("generic-pool", (3, 0, 0), (4, 0, 0), "lib/Pool.js"),
    ("graphql", (14, 0, 0), (17, 0, 0), "execution/execute.js"),
    ("graphql", (14, 0, 0), (17, 0, 0), "execution/execute.mjs"),
    ("graphql", (14, 0, 0), (17, 0, 0), "language/parser.js"),
    ("graphql", (14, 0, 0), (17, 0, 0), "language/parser.mjs"),
    ("graphql", (14, 0, 0), (17, 0, 0), "validation/validate.js"),
    ("graphql", (14, 0, 0), (17, 0, 0), "validation/validate.mjs"),
    ("groq-sdk", (0, 3, 0), (2, 0, 0), "resources/chat/completions.js"),
    ("groq-sdk", (0, 3, 0), (2, 0, 0), "resources/chat/completions.mjs"),
    ("groq-sdk", (0, 3, 0), (2, 0, 0), "resources/embeddings.js"),
    ("groq-sdk", (0, 3, 0), (2, 0, 0), "resources/embeddings.mjs"),
    ("ioredis", (2, 0, 0), (5, 0, 0), "built/redis.js"),
    ("ioredis", (2, 0, 0), (5, 0, 0), "built/redis/index.js"),
    ("ioredis", (2, 0, 0), (5, 0, 0), "lib/redis.js"),
    ("ioredis", (5, 0, 0), (5, 11, 0), "built/Redis.js"),
    ("kafkajs", (2, 0, 0), (3, 0, 0), "src/consumer/index.js"),
    ("kafkajs", (2, 0, 0), (3, 0, 0), "src/producer/messageProducer.js"),
    ("knex", (0, 10, 0), (0, 22, 0), "lib/runner.js"),
    ("knex", (0, 10, 0), (4, 0, 0), "lib/client.js"),
    ("knex", (0, 18, 0), (0, 19, 0), "src/client.js"),
    ("knex", (0, 18, 0), (0, 19, 0), "src/runner.js"),
    ("knex", (0, 22, 0), (4, 0, 0), "lib/execution/runner.js"),
    ("koa", (2, 0, 0), (4, 0, 0), "lib/application.js"),
    ("lru-memoizer", (2, 1, 0), (4, 0, 0), "lib/async.js"),
    ("mongodb", (3, 3, 0), (4, 0, 0), "lib/core/wireprotocol/command.js"),
    ("mongodb", (3, 3, 0), (4, 0, 0), "lib/core/wireprotocol/get_more.js"),
    ("mongodb", (3, 3, 0), (4, 0, 0), "lib/core/wireprotocol/index.js"),
    ("mongodb", (3, 3, 0), (4, 0, 0), "lib/core/wireprotocol/query.js"),
    ("mongodb", (4, 0, 0), (6, 4, 0), "lib/cmap/connection.js"),
    ("mongodb", (4, 0, 0), (6, 4, 0), "lib/cmap/connection_pool.js"),
    ("mongodb", (6, 4, 0), (8, 0, 0), "lib/cmap/connection.js"),
    ("mongoose", (5, 9, 7), (9, 7, 0), "lib/aggregate.js"),
    ("mongoose", (5, 9, 7), (9, 7, 0), "lib/model.js"),
    ("mongoose", (5, 9, 7), (9, 7, 0), "lib/query.js"),
    ("mysql", (2, 0, 0), (3, 0, 0), "lib/Connection.js"),
    ("mysql2", (1, 4, 2), (3, 11, 5), "lib/connection.js"),
    ("mysql2", (3, 11, 5), (3, 20, 0), "lib/base/connection.js"),
    ("node-cron", (3, 0, 0), (4, 0, 0), "src/node-cron.js"),
    ("node-cron", (4, 0, 0), (4, 3, 0), "dist/cjs/node-cron.js"),
    ("node-cron", (4, 0, 0), (4, 3, 0), "dist/esm/node-cron.js"),
    ("node-cron", (4, 0, 0), (4, 6, 0), "dist/node-cron.js"),
    ("node-cron", (4, 3, 0), (4, 6, 0), "dist/node-cron.cjs"),
    ("node-cron", (4, 6, 0), (5, 0, 0), "dist/node-cron.cjs"),
    ("node-cron", (4, 6, 0), (5, 0, 0), "dist/node-cron.js"),
    ("node-schedule", (1, 3, 0), (2, 0, 0), "lib/schedule.js"),
    ("node-schedule", (2, 0, 0), (3, 0, 0), "lib/Job.js"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/chat/completions/completions.js"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/chat/completions/completions.mjs"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/conversations/conversations.js"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/conversations/conversations.mjs"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/embeddings.js"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/embeddings.mjs"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/responses/responses.js"),
    ("openai", (4, 0, 0), (8, 0, 0), "resources/responses/responses.mjs"),
    ("openai", (7, 30, 0), (8, 0, 0), "resources/decisions.js"),
    ("openai", (7, 30, 0), (8, 0, 0), "resources/decisions.mjs"),
    ("pg", (8, 0, 3), (9, 0, 0), "lib/client.js"),
    ("pg", (8, 0, 3), (9, 0, 0), "lib/native/client.js"),
    ("pg-pool", (2, 0, 0), (4, 0, 0), "index.js"),
    ("postgres", (3, 0, 0), (4, 0, 0), "cjs/src/connection.js"),
    ("postgres", (3, 0, 0), (4, 0, 0), "cjs/src/query.js"),
    ("postgres", (3, 0, 0), (4, 0, 0), "src/connection.js"),
    ("postgres", (3, 0, 0), (4, 0, 0), "src/query.js"),
    ("redis", (2, 6, 0), (4, 0, 0), "index.js"),
    ("router", (2, 0, 0), (3, 0, 0), "index.js"),
    ("router", (2, 0, 0), (3, 0, 0), "lib/layer.js"),
    ("tedious", (1, 11, 0), (21, 0, 0), "lib/connection.js"),
    ("together-ai", (0, 6, 0), (1, 0, 0), "resources/chat/completions.js"),
    ("together-ai", (0, 6, 0), (1, 0, 0), "resources/chat/completions.mjs"),
    ("together-ai", (0, 6, 0), (1, 0, 0), "resources/embeddings.js"),
    ("together-ai", (0, 6, 0), (1, 0, 0), "resources/embeddings.mjs"),
    ("together-ai", (1, 0, 0), (2, 0, 0), "resources/chat/completions.js"),
    ("together-ai", (1, 0, 0), (2, 0, 0), "resources/chat/completions.mjs"),
    ("together-ai", (1, 0, 0), (2, 0, 0), "resources/embeddings.js"),
    ("together-ai", (1, 0, 0), (2, 0, 0), "resources/embeddings.mjs"),
];

/// The files of a package that the SDK injects into, in a given version. `None` stands for a version that is not known,
/// which every range holds.
pub(crate) fn of_package(name: &str, version: Option<Version>) -> impl Iterator<Item = &'static str> {
    let holds = move |(_, first, end, _): &&(&str, Version, Version, &str)| {
        version.is_none_or(|version| *first <= version && version < *end)
    };
    let start = TARGETS.partition_point(|row| row.0 < name);
    let length = TARGETS[start..].partition_point(|row| row.0 == name);
    TARGETS[start..start + length].iter().filter(holds).map(|row| row.3)
}

/// All files, as `pg/lib/client.js`.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = TARGETS.iter().map(|row| format!("{}/{}", row.0, row.3)).collect();
    names.dedup();
    names
}

/// Whether the SDK injects into a package in any version.
pub(crate) fn has_package(name: &str) -> bool {
    of_package(name, None).next().is_some()
}

/// The numbers of a version; what stands behind them (`-rc.1`) is not looked at.
pub(crate) fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split(['-', '+']).next()?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TARGETS.is_sorted_by_key(|row| row.0));
        assert!(has_package("pg") && !has_package("h3"));
    }

    #[test]
    fn a_version_decides() {
        let files = |name, text| of_package(name, version(text)).collect::<Vec<_>>();
        assert!(files("pg", "8.16.3").contains(&"lib/client.js"));
        assert_eq!(files("pg", "7.0.0"), [""; 0]);
        assert_eq!(files("pg", "9.0.0"), [""; 0]);
        assert!(!files("pg", "workspace").is_empty(), "an unknown version may be any");
        assert_eq!(version("8.0.0-rc.15"), Some((8, 0, 0)));
    }
}
