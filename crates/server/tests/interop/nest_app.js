// A small application as it stands before and beside the move: NestJS with a passport-jwt guard.
//
//   node nest_app.js DIR serve     listens on a free port, prints "listening PORT", ends when its standard input ends
//   node nest_app.js DIR create    reads users as JSON from standard input (a list of objects with "password" and
//                                  "library", the bcrypt package to hash with) into DIR/users.json
//   node nest_app.js DIR export    prints one line of JSON for each user, as an import takes them
//   node nest_app.js DIR sign      reads {"claims", "secret", "algorithm"} from standard input, prints the token
//
// The secret is the content of DIR/secret, which is the file the sign-in server reads too. Decorators are applied
// by hand, as a compiler would.

require("reflect-metadata");
const fs = require("fs");
const path = require("path");
const { Body, Controller, Get, HttpCode, Module, Post, Req, UnauthorizedException, UseGuards } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { JwtModule, JwtService } = require("@nestjs/jwt");
const { AuthGuard, PassportModule, PassportStrategy } = require("@nestjs/passport");
const { ExtractJwt, Strategy } = require("passport-jwt");

const [home, verb] = process.argv.slice(2);
const secret = fs.readFileSync(path.join(home, "secret"), "utf8").trim();
const table = path.join(home, "users.json");
const users = () => JSON.parse(fs.readFileSync(table, "utf8"));
const input = () => JSON.parse(fs.readFileSync(0, "utf8"));

class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), ignoreExpiration: false, secretOrKey: secret });
  }

  validate(payload) {
    const user = users().find((row) => row.uuid === payload.sub && row.email === payload.email);
    if (!user) throw new UnauthorizedException();
    return { uuid: user.uuid, email: user.email };
  }
}

class AuthController {
  constructor(tokens) {
    this.tokens = tokens;
  }

  async signIn({ email, password }) {
    const user = users().find((row) => row.email === email);
    if (!user || !(await require("bcrypt").compare(password, user.hash))) throw new UnauthorizedException();
    return { token: await this.tokens.signAsync({ email: user.email, sub: user.uuid }) };
  }
}

class WhoAmIController {
  whoAmI(request) {
    return request.user;
  }
}

function decorate(target, method, methodDecorators, parameterDecorator, types) {
  const property = Object.getOwnPropertyDescriptor(target.prototype, method);
  parameterDecorator(target.prototype, method, 0);
  Reflect.defineMetadata("design:paramtypes", types, target.prototype, method);
  Object.defineProperty(target.prototype, method, Reflect.decorate(methodDecorators, target.prototype, method, property));
}

decorate(AuthController, "signIn", [Post("signin"), HttpCode(200)], Body(), [Object]);
Reflect.decorate([Controller("auth"), Reflect.metadata("design:paramtypes", [JwtService])], AuthController);
decorate(WhoAmIController, "whoAmI", [Get("whoami"), UseGuards(AuthGuard("jwt"))], Req(), [Object]);
Reflect.decorate([Controller()], WhoAmIController);

class AppModule {}
Reflect.decorate(
  [
    Module({
      imports: [PassportModule, JwtModule.register({ secret, signOptions: { expiresIn: "1d" } })],
      controllers: [AuthController, WhoAmIController],
      providers: [JwtStrategy],
    }),
  ],
  AppModule,
);

const verbs = {
  async create() {
    const rows = input().map(({ password, library, ...row }) => ({ ...row, hash: require(library).hashSync(password, 10) }));
    fs.writeFileSync(table, JSON.stringify(rows));
  },

  async export() {
    for (const { hash, ...row } of users()) console.log(JSON.stringify({ ...row, password_hash: hash }));
  },

  async sign() {
    const order = input();
    const tokens = new JwtService({ secret: order.secret });
    console.log(tokens.sign(order.claims, { algorithm: order.algorithm }));
  },

  async serve() {
    const app = await NestFactory.create(AppModule, { logger: ["error"] });
    await app.listen(0, "127.0.0.1");
    console.log("listening", app.getHttpServer().address().port);
    process.stdin.on("end", () => process.exit(0)).resume();
  },
};

verbs[verb]().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
