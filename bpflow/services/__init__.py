"""The outside world as processes see it: people, the working calendar, documents, files of rows, calendars of people."""
