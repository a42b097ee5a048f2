#!/usr/bin/env bash
# Spin 6.5.2: a line break before a minus ends the statement, although the semicolon follows on the next line.
#
# Since 6.3 a semicolon at the end of a line is optional: Spin inserts one where an operand ends a line. So
# "x = 5" and, on the next line, "- 3;" are two statements. The second is the condition -3, which is always true, and
# x is 5. There is no warning, and the verifier confirms the model that nobody wrote. Before +, && or || the
# same line break is a syntax error. In parentheses, or with the operator at the end of the line, x is 2.
# It needs apt-get (Debian 12), which downloads Spin without installing it, and a C preprocessor (gcc).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq spin=6.5.2+dfsg-1
dpkg --extract spin_*.deb .

cat >model.pml <<'EOF'
int broken, parentheses, operator_last;

active proctype Subtract() {
  broken = 5
    - 3;
  parentheses = (5
    - 3);
  operator_last = 5 -
    3;
  printf("line break: %d, in parentheses: %d, after the operator: %d\n", broken, parentheses, operator_last)
}
EOF
cat >expected <<'EOF'
Spin Version 6.5.2
line break: 5, in parentheses: 2, after the operator: 2
EOF
{
  usr/bin/spin -V | cut -d ' ' -f 1-3
  usr/bin/spin -T model.pml | grep '^line'
} | tee actual
diff expected actual
