import { buildSchema, graphql } from "graphql";

const schema = buildSchema("type Query { hello(name: String!): String! }");
const rootValue = { hello: ({ name }: { name: string }) => `Hello, ${name}` };

export default defineEventHandler(() => {
  const source = 'query Greeting { hello(name: "presentry") }';
  return graphql({ schema, source, rootValue });
});
