// Runs before the page is drawn: a theme that was chosen here counts more than the system's.
(() => {
  try {
    const theme = localStorage.getItem('theme')
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme
  } catch { /* storage is off */ }
})()
