// Answers one request a line for passwords_moving.py: JSON in, JSON out. Bytes are hexadecimal.
//     npm install better-auth@1.7.25 firebase-scrypt@2.2.0
import crypto from "node:crypto";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { createInterface } from "node:readline";

const from = createRequire(`${process.argv[2]}/`);
const { FirebaseScrypt } = from("firebase-scrypt");

// The salt that is asked for, in place of chance.
let salt = "";
crypto.randomBytes = (bytes) => Buffer.from(salt, "hex").subarray(0, bytes);
syncBuiltinESMExports();
const { hashPassword } = await import(from.resolve("better-auth/crypto"));

const make = {
  better_auth: (password) => hashPassword(password),
  firebase: (password, ask) => new FirebaseScrypt(ask.project).hash(password, ask.salt),
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  salt = ask.salt;
  const password = Buffer.from(ask.password, "hex").toString("utf8");
  console.log(JSON.stringify(await make[ask.make](password, ask)));
}
