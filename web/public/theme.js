// The chosen theme before anything is painted, for which a module comes too late. The rest is in `src/lib/ui/theme.svelte.ts`.
try {
  const theme = JSON.parse(localStorage.getItem('plenum.theme'));
  if (theme === 'light' || theme === 'dark') document.documentElement.style.colorScheme = theme;
} catch {
  // Without storage it is as the system likes it.
}
