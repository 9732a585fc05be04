import { beforeAll } from "vitest";
import { echoComponent } from "./echo.ts";
import type { Kubectl } from "./kubectl.ts";
import { untilStemHub } from "./ready.ts";
import { echoStemHub, inNamespace } from "./suite.ts";

/**
 * The StemHub `studio` that files share which run one after another: to make one of three members takes both processors
 * half a minute. Each of its Services leads to every node. A file leaves it whole, or deletes it.
 */
export function sharedStudio(): Kubectl {
  const kubectl = inNamespace("e2e-shared", { keep: true });
  beforeAll(async () => {
    const spec = {
      database: { storage: { size: "1Gi" } },
      components: { api: echoComponent("1.0.0", { replicas: { min: 3 } }) },
    };
    await kubectl.apply(echoStemHub("studio", { spec }));
    await untilStemHub(kubectl, "studio");
  }, 180_000);
  return kubectl;
}
