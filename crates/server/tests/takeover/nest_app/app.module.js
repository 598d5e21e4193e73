// The application: passport-local signs in, passport-jwt guards.

const { Body, ConflictException, Controller, Get, HttpCode, Module, Post, Req, UnauthorizedException, UseGuards } = require("@nestjs/common");
const { JwtModule, JwtService } = require("@nestjs/jwt");
const { AuthGuard, PassportModule, PassportStrategy } = require("@nestjs/passport");
const { ExtractJwt, Strategy: BearerStrategy } = require("passport-jwt");
const { Strategy: PasswordStrategy } = require("passport-local");
const bcrypt = require("bcrypt");
const { AuthsModule } = require("./auths.module");
const { route } = require("./decorate");
const { secret, users } = require("./users");

// The documented body has three keys, and Nest leaves the last one out unless it is given a text.
const unauthorized = () => new UnauthorizedException("Unauthorized");

class LocalStrategy extends PassportStrategy(PasswordStrategy) {
  constructor() {
    super({ usernameField: "email" });
  }

  async validate(email, password) {
    const user = users.byEmail(String(email));
    if (!user || !user.isActive || !(await bcrypt.compare(String(password), user.password))) throw unauthorized();
    return user;
  }
}

class JwtStrategy extends PassportStrategy(BearerStrategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: secret, algorithms: ["HS256"] });
  }

  validate({ sub }) {
    const user = users.byId(sub);
    if (!user || !user.isActive) throw unauthorized();
    return user;
  }
}

const documented = (error, user) => {
  if (error || !user) throw error ?? unauthorized();
  return user;
};

class LocalGuard extends AuthGuard("local") {
  handleRequest(error, user) {
    return documented(error, user);
  }
}

class JwtGuard extends AuthGuard("jwt") {
  handleRequest(error, user) {
    return documented(error, user);
  }
}

class AuthController {
  constructor(tokens) {
    this.tokens = tokens;
  }

  signIn({ user }) {
    return { token: this.tokens.sign({ email: user.email, sub: user.id }) };
  }
}

class UsersController {
  profile({ user }) {
    return { userId: user.id, email: user.email };
  }
}

// What the application is for. It stays with the application, whoever signs its users in.
class ShopController {
  orders({ user }) {
    return { customer: user.email, orders: [] };
  }

  async join({ email, password }) {
    if (users.byEmail(email)) throw new ConflictException("Email already exists");
    return { userId: users.add(email, await bcrypt.hash(password, 10)), email };
  }
}

route(AuthController, "signIn", Req(), Post("signin"), HttpCode(200), UseGuards(LocalGuard));
route(UsersController, "profile", Req(), Get("profile"), UseGuards(JwtGuard));
route(ShopController, "orders", Req(), Get("orders"), UseGuards(JwtGuard));
route(ShopController, "join", Body(), Post("accounts"));
Reflect.decorate([Controller("auth"), Reflect.metadata("design:paramtypes", [JwtService])], AuthController);
Reflect.decorate([Controller("users")], UsersController);
Reflect.decorate([Controller()], ShopController);

class AppModule {}
Reflect.decorate(
  [
    Module({
      imports: [AuthsModule, PassportModule, JwtModule.register({ secret, signOptions: { expiresIn: "1d" } })],
      controllers: [AuthController, UsersController, ShopController],
      providers: [LocalStrategy, JwtStrategy],
    }),
  ],
  AppModule,
);

module.exports = { AppModule };
