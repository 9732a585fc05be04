import { systemClock } from "../../../operator/runtime/clock.ts";
import { silentLog } from "../../../operator/runtime/log.ts";
import { ModeEvents } from "../agent/events.ts";
import { Latest } from "../agent/latest.ts";

/** The mode-agent's streams as a process of their own, so that its memory can be told from its clients'. */
const latest = new Latest(silentLog);
const events = new ModeEvents(systemClock, latest);
await events.listen(process.argv[2] ?? "");
process.on("message", ({ offer }: { offer: Record<string, string> }) => {
  latest.offer(offer, "test");
  process.send?.({ rssBytes: process.memoryUsage.rss(), streams: events.streams });
});
process.send?.({});
