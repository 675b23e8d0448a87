// What the edge tells, for as long as it can be reached, and what is wrong when it cannot.

const SILENCE_MS = 6_000;
const WAITS_MS = [1_000, 2_000, 4_000, 8_000];

// Calls `hears` with each object, and `stands` with { is: "connecting" | "live" | "lost" | "token" | "refused", words, at }.
// `authorization` gives the headers to send. Returns a function that tries again at once.
export function listen({ hears, stands, authorization }) {
  let failures = 0;
  let attempt = null;
  let timer = null;

  function again() {
    clearTimeout(timer);
    attempt?.abort();
    open();
  }

  async function open() {
    const control = new AbortController();
    attempt = control;
    if (failures === 0) stands({ is: "connecting" });
    let watchdog = null;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => control.abort("silence"), SILENCE_MS);
    };
    let why = "the connection ended";
    try {
      alive();
      const response = await fetch("/events", {
        headers: authorization(),
        cache: "no-store",
        signal: control.signal,
      });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        why = problem.detail ?? `the edge answered ${response.status}`;
        if (response.status === 401) return stands({ is: "token", words: why });
        if (response.status === 403) return stands({ is: "refused", words: why });
      } else {
        await read(response.body, (news) => {
          alive();
          failures = 0;
          stands({ is: "live" });
          hears(news);
        });
        why = "the edge ended the connection";
      }
    } catch (error) {
      if (attempt !== control) return;
      why = control.signal.aborted ? "the edge has fallen silent" : "the edge cannot be reached";
    } finally {
      clearTimeout(watchdog);
    }
    if (attempt !== control) return;
    const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)];
    failures += 1;
    stands({ is: "lost", words: why, until: Date.now() + wait });
    timer = setTimeout(open, wait);
  }

  open();
  return again;
}

// Server-sent events, of which these have data alone.
async function read(body, hears) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length > 0) hears(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
    }
  }
}
