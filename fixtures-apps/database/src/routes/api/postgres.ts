import { sql } from "~/lib/database";

// The same with the other library.
export async function GET() {
  const names = await sql`select name from unnest(${["postgres"]}::text[]) as name`;
  const [database] = await sql.begin("read only", (sql) => sql`select current_database() as name`);
  return Response.json({ names: names.map((row) => row.name), database: database.name });
}
