// Who answers whom: lanes with their members in the order that they are asked, and the origins with what probes found.

import { e, svg } from "./elements.js";
import { clock, counted, iso, isWell, list, ms, number, percent, span, state, upper } from "./words.js";

export function lanes(seen) {
  if (!seen.distributions?.length) return e("p.empty", {}, "The config has no distribution yet, so every request is refused.");
  return seen.distributions.map((distribution) => one(seen, distribution));
}

function one(seen, distribution) {
  const hosts = distribution.aliases.length ? distribution.aliases.join(", ") : "any host";
  return e("div.distribution", { "data-key": distribution.id },
    e("div.distribution-head", {},
      e("h3", {}, distribution.id, " ", e("span.quiet", {}, hosts)),
      distribution.cache?.requests > 0 && e("span.quiet.small.hits", { title: "Of the requests of the last minute whose answers may be kept, those that needed no origin: hits, served stale, and read along with another's fetch" },
        `${percent(distribution.cache.hits / distribution.cache.requests)} from the cache`),
      distribution.maintenance && e("strong.tag.doubtful", {}, "▽ in maintenance: every request gets the page"),
      !distribution.enabled && e("strong.tag.bad", {}, "✕ disabled: every request is refused"),
      switchButton("distribution", distribution.id, distribution.maintenance ? "End maintenance…" : "Maintenance…"),
    ),
    [...distribution.lanes].sort((one, other) => one.does.localeCompare(other.does)).map((lane) => laneOf(seen, distribution, lane)),
  );
}

// The members that a lane's requests can come to, as values; of a write only the first one.
export function membersOf(seen, lane) {
  const members = seen.targets?.[lane.target]?.members ?? [];
  return lane.does === "writes" ? members.slice(0, 1) : members;
}

function laneOf(seen, distribution, lane) {
  const members = membersOf(seen, lane);
  const answers = lane.answers;
  const tiers = members.map((member, index) => tierOf(seen, member, index, lane));
  const standby = lane.does === "writes" && members[0]?.other;
  const fallsThrough = lane.does === "reads" && mostlyFalls(seen, answers);
  const answeredBy = answers === null
    ? e("strong.bad-text", {}, "✕ nobody answers")
    : fallsThrough ? [e("strong.bad-text", {}, `✕ falls through at ${answers}`), e("span.quiet.since", {}, `answered by ${list(helping(seen, members, answers)) || "whoever is left"}`)]
    : ["answered by ", e("strong", {}, answers), lane.since && e("span.quiet.since", {}, `for ${span(seen.now - lane.since)}, since ${clock(lane.since * 1000)}`)];
  return e("div.lane", { "data-key": `${lane.does} ${lane.target}`, "data-lane": `${distribution.id} ${lane.does} ${lane.target}`, "data-answers": answers ?? "" },
    e("div.lane-head", {},
      e("h4", {}, upper(lane.does)),
      e("div.paths", { title: lane.paths.join("\n") }, lane.paths.slice(0, 4).map((path) => e("code", {}, path)), lane.paths.length > 4 && ` and ${lane.paths.length - 4} more`),
      seen.targets?.[lane.target]?.group && e("span.quiet.small", {}, `group ${lane.target}`),
      e("p.answers", {}, answeredBy),
    ),
    e("ol.track", { "aria-label": `${lane.does} of ${distribution.id}, in the order that is asked` },
      tiers,
      standby && e("li.tier.standby", { "data-key": "standby" },
        e("span.place", {}, "stand-by"),
        e("span.name", {}, standby),
        shortStateOf(seen, standby),
        e("span.quiet.small", {}, `other side of record ${members[0].record}`)),
    ),
  );
}

function tierOf(seen, member, index, lane) {
  const isFirst = member.origin === lane.answers;
  // Whoever answers in the place of one who is asked first and falls through.
  const isHelping = !isFirst && lane.does === "reads" && mostlyFalls(seen, lane.answers) && (seen.flows?.[member.origin]?.[1] ?? 0) > 0;
  const isAnswering = isFirst || isHelping;
  const origin = seen.origins?.find((each) => each.id === member.origin);
  const falls = lane.does === "reads" && mostlyFalls(seen, member.origin);
  const since = origin?.since ? `for ${span(seen.now - origin.since)}` : null;
  return e("li.tier", { "data-key": `${index} ${member.origin}`, class: isAnswering && !falls ? "answering" : isWell(origin?.state) ? "" : "passed" },
    e("span.place", {}, `tier ${index + 1}`, isAnswering && e("strong.mark", { class: falls ? "bad-text" : "" }, falls ? "falls through" : isWell(origin?.state) ? "answers" : "asked all the same")),
    e("span.name", {}, member.origin),
    shortStateOf(seen, member.origin),
    e("span.quiet.small", {}, [member.record && `record ${member.record}, then ${member.other}`, !isWell(origin?.state) && since].filter(Boolean).join("; ")),
    // Of an origin that both are sent to, nobody knows which of them it was.
    lane.does === "reads" && flow(seen, member.origin),
  );
}

// What went to it in the last second.
function flow(seen, id) {
  const [asked, delivered] = seen.flows?.[id] ?? [0, 0];
  if (asked === 0 && delivered === 0) return null;
  const fell = Math.max(0, asked - delivered);
  return e("span.small.flow", {}, `${number(delivered)} answered/s`, fell > 0 && e("span.bad-text", {}, `, ${number(fell)} fell through/s`));
}

// Whether most of what is asked of it is then asked of somebody else, whatever is known of it otherwise.
function mostlyFalls(seen, id) {
  const [asked, delivered] = seen.flows?.[id] ?? [0, 0];
  return asked >= 2 && delivered * 2 < asked;
}

// Who answers in its place.
function helping(seen, members, id) {
  return members.map((member) => member.origin).filter((other) => other !== id && (seen.flows?.[other]?.[1] ?? 0) > 0);
}

function shortStateOf(seen, id) {
  const origin = seen.origins?.find((each) => each.id === id);
  const { text, short, tone, sign } = state(origin?.state ?? "unknown");
  return e("span.state", { class: tone, title: text }, e("span.sign", { "aria-hidden": "true" }, sign), " ", short);
}

function stateOf(seen, id) {
  const origin = seen.origins?.find((each) => each.id === id);
  const { text, tone, sign } = state(origin?.state ?? "unknown");
  return e("span.state", { class: tone, "data-state": origin?.state }, e("span.sign", { "aria-hidden": "true" }, sign), " ", text);
}

export function switchButton(kind, name, text) {
  return e("button.quiet-button", { type: "button", "data-switch": kind, "data-name": name, "aria-label": `${text.replace("…", "")} ${name}` }, text);
}

export function origins(seen) {
  const origins = (seen.origins ?? []).map((origin) => row(seen, origin));
  const records = (seen.records ?? []).map((record) => e("div.record", { "data-key": record.id },
    e("p", {}, "Record ", e("strong", {}, record.id), ` is on its ${record.side}, `, e("strong", {}, record.answers), e("span.quiet", {}, `; primary ${record.primary}, secondary ${record.secondary}${record.returns_by_hand ? "; it returns only when you switch it" : ""}`)),
    switchButton("record", record.id, "Switch…")));
  return [e("div.rows", {}, origins), records.length > 0 && e("div.records", {}, records)];
}

function row(seen, origin) {
  const lately = origin.lately ?? { delivered: 0, fell_through: {} };
  const [, now] = seen.flows?.[origin.id] ?? [0, 0];
  const fell = Object.entries(lately.fell_through).map(([why, count]) => `${number(count)} ${why}`);
  return e("div.origin", { "data-key": origin.id, "data-origin": origin.id },
    e("div.who", {}, e("h3", {}, origin.id), e("span.quiet.small.where", { title: origin.at }, origin.at ?? "built into the edge")),
    e("div.how", {}, stateOf(seen, origin.id), e("span.quiet.small", {}, origin.since ? `for ${span(seen.now - origin.since)}` : "")),
    origin.kind === "page" ? e("div.what.quiet.small", {}, "answers when nobody before it can") : e("div.what", {}, e("span", {}, counted(lately.delivered, "answer"), now > 0 && e("span.quiet", {}, `, ${number(now)}/s now`)), e("span.small", { class: fell.length ? "doubtful-text" : "quiet" }, fell.length ? `fell through: ${fell.join(", ")}` : "nothing fell through")),
    strip(origin, seen.probes?.[origin.id]),
    origin.kind === "page" ? e("span") : switchButton("origin", origin.id, "Switch…"),
  );
}

const SHOWN = 64;

// A passed probe is a low bar, a failed one stands to the top.
function strip(origin, probes) {
  if (!probes) return e("div.strip.quiet.small", {}, origin.kind === "page" ? "needs no check" : "no health check");
  if (probes.length === 0) return e("div.strip.quiet.small", {}, "no probe has come back yet");
  const slowest = Math.max(...probes.map((probe) => probe.ms), 1);
  const bars = probes.map((probe, index) => {
    const height = probe.fell ? 24 : 4 + 9 * Math.sqrt(probe.ms / slowest);
    const x = (SHOWN - probes.length + index) * 4;
    const words = `${clock(probe.at)}: ${probe.fell ? `failed at ${probe.fell}: ${probe.why}` : "passed"}, ${ms(probe.ms)}`;
    return svg("rect", { class: probe.fell ? "failed" : "passed", x, y: 24 - height, width: 3, height }, svg("title", {}, words));
  });
  const failed = probes.filter((probe) => probe.fell).length;
  const last = probes[probes.length - 1];
  const lastWords = last.fell ? `last one failed at ${last.fell}: ${last.why}` : `last one passed in ${ms(last.ms)}`;
  const words = `${failed === 0 ? `all of ${probes.length} probes passed` : `${failed} of ${probes.length} probes failed`}; ${lastWords}`;
  return e("div.strip", { title: last.words },
    svg("svg", { viewBox: "0 0 256 24", role: "img", "aria-label": words, preserveAspectRatio: "xMaxYMid meet" }, bars),
    e("time.small", { datetime: iso(last.at), class: last.fell ? "bad-text" : "quiet" }, words));
}
