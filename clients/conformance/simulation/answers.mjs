// Answers as a client's network gives them, without a network.

/** What `fetch` answers, as far as a client looks at it. */
export function answer({ status = 200, type = "application/json", text = "", headers = {}, url = "", redirected = false }) {
  const all = { "content-type": type, ...headers };
  return {
    status,
    ok: status >= 200 && status < 300,
    url,
    redirected,
    headers: { get: (name) => all[name.toLowerCase()] ?? null },
    text: async () => text,
    json: async () => JSON.parse(text),
  };
}

export function json(value, more = {}) {
  return answer({ text: JSON.stringify(value), ...more });
}

export function problem(status, code, more = {}) {
  const { retry_after } = more;
  return json(
    { type: `/docs#${code}`, title: code, status, detail: code, code, request_id: "r", ...more },
    {
      status,
      type: "application/problem+json",
      headers: retry_after === undefined ? {} : { "retry-after": String(retry_after) },
    },
  );
}

export const PORTAL = {
  type: "text/html; charset=utf-8",
  text: "<!doctype html><title>Welcome to the airport</title><p>session_ended invalid_refresh_token",
};
