/** Strings that break programs: control characters, encodings, injections, formats, sizes. */
export const NAUGHTY_STRINGS: readonly string[] = [
  '', ' ', '\t\n\r', '\u0000', 'a\u0000b', '\ud800', 'x\udfff', '\ufeff', '\u202e abc', '\u200b', '\uffff', '💥'.repeat(50), 'Ω≈ç√∫˜µ≤≥÷', '𠜎𠜱𠝹𠱓', 'z̸̡̢͙̗͉͎͒̈́a̴l̷g̵o̶',
  'null', 'undefined', 'true', 'NaN', 'Infinity', '-1', '0', '1e309', '0x10', '9'.repeat(400), '../../../etc/passwd', '/etc/passwd', '/', '.', '..', '~', '\\\\server\\share', 'C:\\', 'file:///etc/passwd',
  "' or 1=1 --", '"; drop table sessions; --', '1; select pg_sleep(9)', '%', '_', '!%', "\\'", '$(touch /tmp/canary)', '`touch /tmp/canary`', '; touch /tmp/canary', '| touch /tmp/canary', '#(touch /tmp/canary)', '${7*7}', '{{7*7}}', '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', 'javascript:alert(1)',
  '%00', '%2e%2e%2f', '%zz', '%', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '-rf', '--help', '-', 'ext:', 'ext:x', 'a'.repeat(300), 'a'.repeat(5_000), '\n'.repeat(1_000), '{"a":', '[]', '{}', '\u001b[31mred\u001b[0m', '\r\nSet-Cookie: x=y', 'CON', 'data:text/html,x',
];
