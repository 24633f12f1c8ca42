// The switch between the system's colours, light and dark; the choice is kept in this browser.

const KEY = "imagegen-theme";

export function begin(select) {
  select.value = document.documentElement.dataset.theme ?? "auto";
  select.addEventListener("change", () => use(select.value));
  addEventListener("storage", (event) => {
    if (event.key === KEY) use((select.value = event.newValue ?? "auto"));
  });
}

function use(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // storage is switched off: the choice holds until the page is left
  }
}
