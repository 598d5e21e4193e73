// The application's table, in the shape that TypeORM gives it. APP_HOME names the folder with its secret and its data.

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const Database = require("libsql");

const home = process.env.APP_HOME;
const secret = fs.readFileSync(path.join(home, "secret"), "utf8").trim();
const base = new Database(path.join(home, "app.sqlite"));

base.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA busy_timeout = 20000;
  CREATE TABLE IF NOT EXISTS "user" (
    "id" varchar PRIMARY KEY NOT NULL,
    "email" varchar NOT NULL UNIQUE,
    "password" varchar NOT NULL,
    "isActive" boolean NOT NULL DEFAULT (1),
    "createdAt" datetime NOT NULL DEFAULT (datetime('now'))
  )`);

const byEmail = base.prepare(`SELECT * FROM "user" WHERE "email" = ?`);
const byId = base.prepare(`SELECT * FROM "user" WHERE "id" = ?`);
const insert = base.prepare(`INSERT INTO "user" ("id", "email", "password", "isActive") VALUES (?, ?, ?, ?)`);

function add(email, hash, isActive = 1) {
  const id = crypto.randomUUID();
  insert.run(id, email, hash, isActive);
  return id;
}

module.exports = {
  secret,
  users: {
    add,
    byEmail: (email) => byEmail.get(email),
    byId: (id) => byId.get(id),
    inBulk: (work) => base.transaction(work)(),
  },
};
