// Lets relative times count on, in the same words as the server wrote them (templatetags/spans.py).
const MINUTE = 60, HOUR = 3600, DAY = 86400;

const step = (s) => {
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} m`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h`;
  return `${Math.floor(s / DAY)} d`;
};

export const agoWords = (moment, now) => {
  const seconds = Math.trunc((now - moment) / 1000);
  if (Math.abs(seconds) < 1) return "now";
  if (seconds < 0) return `in ${step(-seconds)}`;
  if (seconds >= DAY && seconds < 2 * DAY) return "yesterday";
  if (seconds >= 30 * DAY) return moment.toISOString().slice(0, 10);
  return `${step(seconds)} ago`;
};

// The viewer's clock may be wrong: count from the server's, which the page carries.
const stamp = Date.parse(document.body.dataset.now || "");
const skew = Number.isNaN(stamp) ? 0 : stamp - Date.now();
export const serverNow = () => new Date(Date.now() + skew);

const refresh = () => {
  const now = serverNow();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = agoWords(new Date(time.dateTime), now);
    if (time.textContent !== words) time.textContent = words;
  }
};
setInterval(() => { if (!document.hidden) refresh(); }, 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
