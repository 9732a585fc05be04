import { authTarget } from "../auth/targets.ts";
import { authWarnings, keysEndMs } from "../auth/trouble.ts";
import type { Deps, Scope } from "../scope.ts";

/** Whether keys and revocations are fetched, after the modes phase has published what there is of them. */
export async function lookAtAuth(scope: Scope, { auth, settings, clock }: Deps): Promise<void> {
  const { stemhub, authTexts: published } = scope;
  if (!published) return;
  const { namespace = "", name } = stemhub.metadata;
  const target = authTarget(stemhub, settings.clusterDomain);
  const maxKeyAgeHours = stemhub.spec.auth?.maxKeyAgeHours ?? 0;
  const states = auth.statesOf({ namespace, name });
  const now = clock.now();
  scope.authWarnings = authWarnings({ target, states, published, maxKeyAgeHours, before: scope.authWarnings, now });
  // Nothing else happens when keys become too old, and from then on users feel it.
  const endMs = keysEndMs(published, maxKeyAgeHours);
  if (scope.authWarnings.length > 0 && endMs !== undefined && endMs >= now) scope.comeBackAfter(endMs - now + 1);
}
