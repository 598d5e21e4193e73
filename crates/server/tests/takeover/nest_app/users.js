// The application's tables, in the shape that TypeORM gives it. APP_HOME names the folder with its secret and its data.

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
  );
  CREATE TABLE IF NOT EXISTS "usuarios" (
    "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "username" varchar NOT NULL UNIQUE,
    "email" varchar NOT NULL UNIQUE,
    "password" varchar NOT NULL,
    "firstName" varchar NOT NULL,
    "lastName" varchar NOT NULL,
    "rol" varchar NOT NULL DEFAULT 'autor',
    "avatar" varchar,
    "status" varchar NOT NULL DEFAULT 'active',
    "lastLogin" datetime,
    "createdAt" datetime NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    "permissions" text NOT NULL DEFAULT '["comentar","crear_post","editar_post_propio","reaccionar"]',
    "stats" text NOT NULL DEFAULT '{"postsCreated":0,"postsPublished":0,"totalViews":0}'
  );
  CREATE TABLE IF NOT EXISTS "sessions" ("token" varchar PRIMARY KEY NOT NULL, "userId" integer NOT NULL)`);

const byEmail = base.prepare(`SELECT * FROM "user" WHERE "email" = ?`);
const byId = base.prepare(`SELECT * FROM "user" WHERE "id" = ?`);
const insert = base.prepare(`INSERT INTO "user" ("id", "email", "password", "isActive") VALUES (?, ?, ?, ?)`);

function add(email, hash, isActive = 1) {
  const id = crypto.randomUUID();
  insert.run(id, email, hash, isActive);
  return id;
}

const account = {
  find: base.prepare(`SELECT * FROM "usuarios" WHERE "email" = ? OR "username" = ?`),
  byId: base.prepare(`SELECT * FROM "usuarios" WHERE "id" = ?`),
  insert: base.prepare(
    `INSERT INTO "usuarios" ("username", "email", "password", "firstName", "lastName") VALUES (?, ?, ?, ?, ?)`,
  ),
  seen: base.prepare(`UPDATE "usuarios" SET "lastLogin" = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE "id" = ?`),
  open: base.prepare(`INSERT INTO "sessions" VALUES (?, ?)`),
  session: base.prepare(`SELECT "userId" FROM "sessions" WHERE "token" = ?`),
  close: base.prepare(`DELETE FROM "sessions" WHERE "token" = ?`),
};

const accounts = {
  find: (email, username) => account.find.get(email, username),
  byId: (id) => account.byId.get(id),
  add: (...fields) => account.byId.get(account.insert.run(...fields).lastInsertRowid),
  seen: (id) => account.seen.run(id),
  open: (token, id) => account.open.run(token, id),
  close(token) {
    const session = account.session.get(token);
    account.close.run(token);
    return session && account.byId.get(session.userId);
  },
};

module.exports = {
  accounts,
  secret,
  users: {
    add,
    byEmail: (email) => byEmail.get(email),
    byId: (id) => byId.get(id),
    inBulk: (work) => base.transaction(work)(),
  },
};
