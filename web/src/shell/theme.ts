/** Light, dark, or as the system says. Only this choice outlives the tab. */

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const NAME = "auricle.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const value = localStorage.getItem(NAME);
  return THEMES.find((theme) => theme === value) ?? "system";
}

export const theme = signal<Theme>(stored());

/** Whether the page is dark now. */
export const isDark = signal(false);

export function nextTheme(): void {
  theme.value = isDark.value ? "light" : "dark";
}

/** Keep the page and the choice in step. */
export function followTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const systemIsDark = signal(system.matches);
  system.addEventListener("change", () => {
    systemIsDark.value = system.matches;
  });
  effect(() => {
    const dark = theme.value === "system" ? systemIsDark.value : theme.value === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    isDark.value = dark;
    if (theme.value === "system") localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, theme.value);
  });
}
