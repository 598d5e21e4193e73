// Writes token vectors with the original Node libraries, for crates/domain/testdata/tokens/node.txt and jwks-node.txt:
//   npm install jsonwebtoken passport-jwt passport jose        (in any folder)
//   node scripts/vectors/tokens.mjs THAT_FOLDER
// Every HS256, RS256 and ES256 token is signed by jsonwebtoken and let in by a passport-jwt guard; EdDSA, which
// jsonwebtoken does not know, is signed and verified by jose.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const home = resolve(process.argv[2]);
const require = createRequire(pathToFileURL(join(home, 'package.json')));
const jsonwebtoken = require('jsonwebtoken');
const { Strategy, ExtractJwt } = require('passport-jwt');
const jose = require('jose');
const installed = (name) => `${name} ${JSON.parse(readFileSync(join(home, 'node_modules', name, 'package.json'))).version}`;

const vectors = join(dirname(fileURLToPath(import.meta.url)), '../../crates/domain/testdata/tokens');
const NOW = 4_000_000_000; // far away, so that the guard below does not find the tokens expired
const payload = { email: 'ana@example.test', sub: '65f1c0ffee', iat: 1_790_000_000, exp: NOW };

function letIn(token, key, algorithm) {
  return new Promise((done, fail) => {
    const options = { jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: key, algorithms: [algorithm] };
    const guard = new Strategy(options, (claims, next) => next(null, claims));
    Object.assign(guard, { success: done, fail, error: fail });
    guard.authenticate({ headers: { authorization: `Bearer ${token}` } });
  });
}

const lines = [];
function record(key, label, token) {
  const claims = Buffer.from(token.split('.')[1], 'base64url').toString();
  lines.push(`token ${key} ${label} ${token}`, `claims ${claims}`);
}

for (const line of readFileSync(join(vectors, 'keys.txt'), 'utf8').split('\n').filter((l) => l.startsWith('key '))) {
  const [, name, algorithm, material] = line.split(' ');
  const raw = Buffer.from(material, 'base64url');
  if (algorithm === 'EdDSA') {
    const pair = createPrivateKey({ key: raw, format: 'der', type: 'pkcs8' });
    const token = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' }).sign(pair);
    await jose.jwtVerify(token, createPublicKey(pair));
    record(name, 'jose', token);
    continue;
  }
  const shared = algorithm === 'HS256';
  const pair = shared ? raw : createPrivateKey({ key: raw, format: 'der', type: 'pkcs8' });
  const open = shared ? raw : createPublicKey(pair);
  for (const [label, options] of [['jsonwebtoken', {}], ['keyid', { keyid: 'key-1' }]]) {
    const token = jsonwebtoken.sign(payload, pair, { algorithm, ...options });
    await letIn(token, shared ? open : open.export({ type: 'spki', format: 'pem' }), algorithm);
    record(name, label, token);
  }
}

const made = ['jsonwebtoken', 'passport-jwt', 'jose'].map(installed).join(', ');
const head = [
  `# Made by scripts/vectors/tokens.mjs with ${made}, Node ${process.versions.node}.`,
  '# token KEY LABEL TOKEN, then its claims; the keys are in keys.txt.',
];
writeFileSync(join(vectors, 'node.txt'), [...head, ...lines].join('\n') + '\n');

// The public keys as sets. The name is that in the header of the token "keyid".
const sets = [];
for (const line of readFileSync(join(vectors, 'keys.txt'), 'utf8').split('\n').filter((l) => l.startsWith('key '))) {
  const [, name, algorithm, material] = line.split(' ');
  if (algorithm === 'HS256') continue;
  const pair = createPrivateKey({ key: Buffer.from(material, 'base64url'), format: 'der', type: 'pkcs8' });
  const key = { ...(await jose.exportJWK(createPublicKey(pair))), kid: 'key-1', alg: algorithm, use: 'sig' };
  const token = await new jose.SignJWT(payload).setProtectedHeader({ alg: algorithm, kid: 'key-1' }).sign(pair);
  await jose.jwtVerify(token, jose.createLocalJWKSet({ keys: [key] }));
  sets.push(`jwks ${name} ${JSON.stringify({ keys: [key] })}`);
}
const about = [
  `# Made by scripts/vectors/tokens.mjs with ${installed('jose')}, Node ${process.versions.node}.`,
  '# jwks KEY SET: the public key of keys.txt as a set.',
];
writeFileSync(join(vectors, 'jwks-node.txt'), [...about, ...sets].join('\n') + '\n');
