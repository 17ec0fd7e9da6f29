// Before anything is painted, and so no module: a page must not flash in the other theme.
// The one thing that this application ever stores.
'use strict';
try {
  const theme = localStorage.getItem('keyturn-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* storage is switched off: the system's theme it is */ }
