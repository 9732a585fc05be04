import { componentsOf } from "../../api/stemhub.ts";
import { TransientError } from "../../runtime/errors.ts";
import type { KubeObject } from "../../runtime/objects.ts";
import { usesDatabase } from "../app/deployment.ts";
import { loginHash } from "../credentials.ts";
import { encoded, readSecret } from "../generated-secret.ts";
import { kinds } from "../kinds.ts";
import { childNames } from "../names.ts";
import { podsOf } from "../observe.ts";
import { authorityConfigMap, certificateRenewals } from "../pki/desired.ts";
import { closeLogin, openLogin } from "../postgres/logins.ts";
import { type Session, withSession } from "../postgres/probe/session.ts";
import { decideRotation } from "../postgres/rotation.ts";
import { takesWrites } from "../postgres/strain.ts";
import type { Deps, Scope } from "../scope.ts";
import { generatePassword, missingSecrets } from "../secrets.ts";
import { databaseTarget } from "./database.ts";

/** Generated Secrets are created and never applied: one that exists is the truth. */
export async function createSecrets(
  { stemhub, world, apply }: Scope,
  { api, cache, clock, settings }: Deps,
): Promise<void> {
  const { clusterDomain } = settings;
  const missing = await missingSecrets({ stemhub, existing: world.secrets, clusterDomain, now: clock.now() });
  for (const secret of missing) cache.observe(await api.create(secret));
  const name = childNames(stemhub.metadata.name).authority;
  const authority = world.secrets.get(name) ?? missing.find((secret) => secret.metadata.name === name);
  for (const object of authorityConfigMap(stemhub, authority)) await apply(object);
}

/** Replaces certificates whose time has come. Pods take them up by themselves; passwords are not touched. */
export async function renewCertificates(
  scope: Scope,
  { api, cache, clock, recorder, settings, log }: Deps,
): Promise<void> {
  const { stemhub, world } = scope;
  const { clusterDomain } = settings;
  const { renewals, nextInMs } = await certificateRenewals({
    stemhub,
    existing: world.secrets,
    clusterDomain,
    now: clock.now(),
  });
  for (const { secret, reason, message, patch } of renewals) {
    log.info({ secret, reason }, "renewing a certificate");
    cache.observe(await api.patch(kinds.secret, stemhub.metadata.namespace, secret, patch, { type: "merge" }));
    recorder.event(stemhub, { type: "Normal", reason: "CertificateRenewed", note: message });
  }
  if (nextInMs !== undefined) scope.comeBackAfter(nextInMs);
}

/** Replaces the app's password on request, while the app runs. */
export async function rotatePassword(scope: Scope, deps: Deps): Promise<void> {
  const { stemhub, world } = scope;
  const { api, cache, clock, log } = deps;
  const secret = appSecret(scope, deps);
  if (!secret) return;
  const signIn = componentsOf(stemhub).filter(({ name, component }) => usesDatabase(name, component));
  const deployments = signIn.map(({ name }) => childNames(stemhub.metadata.name).component(name));
  const decision = decideRotation({
    stemhub,
    databaseAvailable: takesWrites(world.topology, scope.warnings, scope.readOnlyChosen),
    login: readSecret(secret, "username"),
    loginHash: loginHash(secret),
    deployments: world.deployments.filter(({ metadata }) => deployments.includes(metadata.name)),
    pods: signIn.flatMap(({ name }) => podsOf(world, stemhub, name)),
    now: clock.now(),
  });
  switch (decision.step) {
    case "none":
      return;
    case "open":
      // Our own status wakes nobody.
      scope.comeBackAfter(0);
      break;
    case "wait":
      scope.comeBackAfter(decision.requeueAfterMs);
      break;
    case "prepare": {
      const password = generatePassword();
      log.info({ name: stemhub.metadata.name, reason: decision.report.message }, "a login of the app is opened");
      await asSuperuser(scope, deps, (session) => openLogin(session, decision.login, password));
      const { namespace, name, resourceVersion } = secret.metadata;
      const body = { metadata: { resourceVersion }, data: encoded({ username: decision.login, password }) };
      cache.observe(await api.patch(kinds.secret, namespace, name, body, { type: "merge" }));
      break;
    }
    case "retire":
      log.info({ name: stemhub.metadata.name, reason: decision.report.message }, "a login of the app is closed");
      await asSuperuser(scope, deps, (session) => closeLogin(session, decision.login));
      break;
  }
  scope.rotation = decision.report;
}

/** As it is now, by the own writes of this pass too. */
export function appSecret({ stemhub }: Scope, { cache }: Deps): KubeObject | undefined {
  return cache.get(kinds.secret, stemhub.metadata.namespace, childNames(stemhub.metadata.name).appSecret);
}

/** Long enough for a commit on a busy primary; with no standby it would be for ever. */
const superuserDeadlineMs = 5_000;

/** Does something on the primary that needs all rights, such as a role's password. Errors: as withSession, or when there is no primary. */
async function asSuperuser(scope: Scope, deps: Deps, work: (session: Session) => Promise<void>): Promise<void> {
  const { stemhub, world } = scope;
  const target = databaseTarget(scope, deps);
  const superuser = world.secrets.get(childNames(stemhub.metadata.name).superuserSecret);
  if (!target || !superuser) throw new TransientError("there is no primary to change a role on");
  const login = { user: readSecret(superuser, "username"), password: readSecret(superuser, "password") };
  await withSession(deps.clock, { address: target.primary.address, login, deadlineMs: superuserDeadlineMs }, work);
}
