// Runs the application: APP_HOME=DIR node run.js serve | fill USERS PASSWORDS
//
//   serve   listens on a free port of 127.0.0.1, prints "listening PORT", ends when its standard input ends
//   fill    makes USERS users, who share PASSWORDS passwords, each with a real hash of its own
//
// User n has the address user00000n@nest.example and the password "kept since 2019, m", where m is n modulo PASSWORDS.
// Every 50th is switched off.

const bcrypt = require("bcrypt");
const { users } = require("./users");

const verbs = {
  async fill(count, passwords) {
    const hashing = Array.from({ length: passwords }, (_, number) => bcrypt.hash(`kept since 2019, ${number}`, 10));
    const hashes = await Promise.all(hashing);
    users.inBulk(() => {
      for (let n = 1; n <= count; n++) {
        users.add(`user${String(n).padStart(6, "0")}@nest.example`, hashes[n % passwords], n % 50 ? 1 : 0);
      }
    });
    console.log(count, "users");
  },

  async serve() {
    const { NestFactory } = require("@nestjs/core");
    const app = await NestFactory.create(require("./app.module").AppModule, { logger: ["error"] });
    await app.listen(0, "127.0.0.1");
    console.log("listening", app.getHttpServer().address().port);
    process.stdin.on("end", () => process.exit(0)).resume();
  },
};

const [verb, ...numbers] = process.argv.slice(2);
verbs[verb](...numbers.map(Number)).catch((fault) => {
  console.error(fault);
  process.exit(1);
});
