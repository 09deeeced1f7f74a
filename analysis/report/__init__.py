"""Report: tables, figures and the HTML page, in Chinese and English."""
