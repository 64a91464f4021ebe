import { pool } from "~/lib/database";

// A query of the pool, and a transaction on a client of its own. Nothing is written, as the database may be anybody's.
export async function GET() {
  const names = await pool.query("select name from unnest($1::text[]) as name", [["pg"]]);
  const client = await pool.connect();
  try {
    await client.query("begin read only");
    const database = await client.query("select current_database() as name");
    await client.query("commit");
    return Response.json({ names: names.rows.map((row) => row.name), database: database.rows[0].name });
  } finally {
    client.release();
  }
}
