import { createFileRoute } from "@tanstack/solid-router";
import { buildSchema, graphql } from "graphql";

const schema = buildSchema("type Query { hello(name: String!): String! }");
const rootValue = { hello: ({ name }: { name: string }) => `Hello, ${name}` };

export const Route = createFileRoute("/api/graphql")({
  server: {
    handlers: {
      GET: async () => {
        const source = 'query Greeting { hello(name: "presentry") }';
        return Response.json(await graphql({ schema, source, rootValue }));
      },
    },
  },
});
