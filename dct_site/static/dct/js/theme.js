// Sets the theme before the first paint; follows the system until the viewer chooses.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("dct-theme"); } catch { return null; }
  };
  const apply = () => {
    root.dataset.bsTheme = chosen() || (dark.matches ? "dark" : "light");
    document.dispatchEvent(new Event("dct:theme"));
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    try {
      localStorage.setItem("dct-theme", root.dataset.bsTheme === "dark" ? "light" : "dark");
    } catch { /* private mode: the choice lasts for this page */ }
    apply();
  });
})();
