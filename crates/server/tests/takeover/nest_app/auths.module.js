// The sign-in of another API in the same process, with a table of its own, as its documentation describes it.

const { BadRequestException, Body, ConflictException, Controller, ForbiddenException, HttpCode, Module, Post, Req, UnauthorizedException, UseGuards } = require("@nestjs/common");
const { JwtModule, JwtService } = require("@nestjs/jwt");
const bcrypt = require("bcrypt");
const crypto = require("crypto");
const { accounts, secret } = require("./users");
const { route } = require("./decorate");

const invalid = (errors) => new BadRequestException({ statusCode: 400, message: "Validation failed", errors });
const unauthorized = (message) => new UnauthorizedException({ statusCode: 401, message });
const ADDRESS = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

// What is wrong with these fields of a body: [name, label, least characters].
const flaws = (body, fields) =>
  fields.flatMap(([name, label, least]) => {
    const value = body?.[name];
    if (value === undefined || value === null || value === "") return [`${label} should not be empty`];
    if (typeof value !== "string") return [`${label} must be a string`];
    return value.length < least ? [`${label} must be at least ${least} characters`] : [];
  });

const shown = (row) => ({
  id: row.id,
  username: row.username,
  email: row.email,
  firstName: row.firstName,
  lastName: row.lastName,
  rol: row.rol,
  avatar: row.avatar,
  status: row.status,
  lastLogin: row.lastLogin,
  createdAt: row.createdAt,
  permissions: JSON.parse(row.permissions),
  stats: JSON.parse(row.stats),
});

// A session is good for one exchange.
const openSession = (row) => {
  const token = crypto.randomBytes(24).toString("base64url");
  accounts.open(token, row.id);
  return token;
};

class BearerGuard {
  constructor(tokens) {
    this.tokens = tokens;
  }

  canActivate(context) {
    const [scheme, token] = (context.switchToHttp().getRequest().headers.authorization ?? "").split(" ");
    if (scheme !== "Bearer" || !token) throw new UnauthorizedException("Missing Bearer token");
    try {
      return Boolean(this.tokens.verify(token));
    } catch {
      throw new UnauthorizedException("Invalid or expired token");
    }
  }
}
Reflect.decorate([Reflect.metadata("design:paramtypes", [JwtService])], BearerGuard);

class AuthsController {
  constructor(tokens) {
    this.tokens = tokens;
  }

  pair(row) {
    const accessToken = this.tokens.sign({ id: row.id, email: row.email, role: row.rol });
    return { accessToken, refreshToken: openSession(row) };
  }

  async signIn(body) {
    const wrong = flaws(body, [["password", "password", 6]]);
    if (!body?.email && !body?.username) wrong.unshift("email or username must be provided");
    if (wrong.length) throw invalid(wrong);
    const row = accounts.find(body.email ?? "", body.username ?? "");
    if (!row || !(await bcrypt.compare(body.password, row.password))) throw unauthorized("Invalid email or password");
    const inactive = { statusCode: 403, message: "Account is inactive. Contact administrator." };
    if (row.status !== "active") throw new ForbiddenException(inactive);
    accounts.seen(row.id);
    return { ...this.pair(row), user: shown(accounts.byId(row.id)) };
  }

  async signUp(body) {
    const wrong = flaws(body, [["email", "email", 1], ["password", "password", 6], ["first_name", "first_name", 1], ["last_name", "last_name", 1]]);
    if (!wrong.length && !ADDRESS.test(body.email)) wrong.push("email must be an email");
    if (wrong.length) throw invalid(wrong);
    const username = body.username || `${body.first_name}_${body.last_name}`.toLowerCase();
    const taken = accounts.find(body.email, "") ? "Email" : accounts.find("", username) ? "Username" : null;
    if (taken) throw new ConflictException({ statusCode: 409, message: `${taken} already exists` });
    const hash = await bcrypt.hash(body.password, 10);
    const row = accounts.add(username, body.email, hash, body.first_name, body.last_name);
    return { ...this.pair(row), user: { ...shown(row), role: row.rol } };
  }

  refresh(body) {
    const wrong = flaws(body, [["refreshToken", "refreshToken", 1]]);
    if (wrong.length) throw new BadRequestException(wrong);
    const row = accounts.close(body.refreshToken);
    if (!row) throw unauthorized("Invalid or expired refresh token");
    return this.pair(row);
  }

  signOut() {
    return { success: true };
  }

  validateEmail({ email }) {
    if (!ADDRESS.test(String(email))) throw new BadRequestException(["email must be an email"]);
    const exists = Boolean(accounts.find(email, ""));
    return { exists, message: exists ? "El email ya está registrado" : "El email está disponible" };
  }
}

route(AuthsController, "signIn", Body(), Post("sign-in"), HttpCode(200));
route(AuthsController, "signUp", Body(), Post("sign-up"));
route(AuthsController, "refresh", Body(), Post("refresh"), HttpCode(200));
route(AuthsController, "signOut", Req(), Post("sign-out"), UseGuards(BearerGuard));
route(AuthsController, "validateEmail", Body(), Post("validate-email"));
Reflect.decorate([Controller("api/v1/auths"), Reflect.metadata("design:paramtypes", [JwtService])], AuthsController);

class AuthsModule {}
const tokens = JwtModule.register({ secret, signOptions: { expiresIn: "24h" } });
Reflect.decorate([Module({ imports: [tokens], controllers: [AuthsController] })], AuthsModule);

module.exports = { AuthsModule };
