import { eventually } from "../e2e/support/deadline.ts";
import { GatewayClient } from "../e2e/support/gateway.ts";
import type { Kubectl } from "../e2e/support/kubectl.ts";
import type { Capability, ModeDocument } from "../operator/api/mode-document.ts";

/** What a gateway pod has told, and when it was heard. */
interface Told {
  readonly document: ModeDocument;
  /** Wall time of this machine. Units: ms since 1970. */
  readonly atMs: number;
}

/** What was heard is in memory: a look costs nothing. */
const lookEveryMs = 50;

/** Follows the mode at every pod of a gateway, each by its own stream of events. */
export class GatewayEars {
  readonly #gateways: readonly GatewayClient[];
  readonly #told: readonly Told[][];
  readonly #stop = new AbortController();
  #broken: unknown;

  private constructor(gateways: readonly GatewayClient[]) {
    this.#gateways = gateways;
    this.#told = gateways.map(() => []);
    for (const [index, gateway] of gateways.entries()) void this.#follow(gateway, this.#told[index] ?? []);
  }

  /** Errors: where the StemHub's gateway has no pod. */
  static async open(kubectl: Kubectl, stemhub: string): Promise<GatewayEars> {
    const pods = await kubectl.list(
      "pods",
      `app.kubernetes.io/instance=${stemhub},app.kubernetes.io/component=gateway`,
    );
    if (pods.length === 0) throw new Error(`${stemhub} has no gateway pod`);
    const open = ({ metadata }: (typeof pods)[number]) => GatewayClient.open(kubectl, stemhub, { pod: metadata.name });
    return new GatewayEars(await Promise.all(pods.map(open)));
  }

  /** Any of them, to send requests by. */
  get any(): GatewayClient {
    const [gateway] = this.#gateways;
    if (!gateway) throw new Error("there is no gateway");
    return gateway;
  }

  /** Waits until each has told, since a moment, that a capability does not work; returns what each told first. */
  heardOf(capability: Capability, fromMs: number, deadlineMs: number): Promise<readonly Told[]> {
    return this.#ofEach(`every gateway tells that ${capability} does not work`, deadlineMs, (told) =>
      told.find(({ document, atMs }) => atMs >= fromMs && !works(document, capability)),
    );
  }

  /** Waits until what each has told last is that a capability works. */
  async untilWell(capability: Capability, deadlineMs: number): Promise<void> {
    await this.#ofEach(`every gateway tells that ${capability} works`, deadlineMs, (told) => {
      const last = told.at(-1);
      return last && works(last.document, capability) ? last : undefined;
    });
  }

  /** How often a capability's mode became another than Normal since a moment, as the first gateway told it. */
  outagesSince(capability: Capability, fromMs: number): number {
    if (this.#broken) throw this.#broken;
    const [told = []] = this.#told;
    return told.filter(({ document, atMs }, i) => {
      const before = told[i - 1];
      return atMs >= fromMs && !works(document, capability) && before && works(before.document, capability);
    }).length;
  }

  close(): void {
    this.#stop.abort();
    for (const gateway of this.#gateways) gateway.close();
  }

  #ofEach(
    what: string,
    deadlineMs: number,
    find: (told: readonly Told[]) => Told | undefined,
  ): Promise<readonly Told[]> {
    const look = async () => {
      if (this.#broken) throw this.#broken;
      const found = this.#told.map(find).filter((one) => one !== undefined);
      return found.length === this.#gateways.length && found;
    };
    return eventually(what, deadlineMs, look, lookEveryMs);
  }

  async #follow(gateway: GatewayClient, told: Told[]): Promise<void> {
    try {
      const events = gateway.events<ModeDocument>("/.well-known/stemhub/mode/events", this.#stop.signal);
      for await (const { data } of events) told.push({ document: data, atMs: Date.now() });
      throw new Error("a gateway has ended its stream of events");
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#broken = error;
    }
  }
}

function works({ capabilities }: ModeDocument, capability: Capability): boolean {
  return capabilities[capability].mode === "Normal";
}
