import { buildSchema, graphql } from "graphql";

const schema = buildSchema("type Query { hello(name: String!): String! }");
const rootValue = { hello: ({ name }: { name: string }) => `Hello, ${name}` };

export async function GET() {
  const source = 'query Greeting { hello(name: "presentry") }';
  return Response.json(await graphql({ schema, source, rootValue }));
}
