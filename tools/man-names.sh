#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man-names.sh PAGE: the names in the NAME section of an mdoc page, one to a
# line. `make install` makes a link to the page for each.
sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([A-Za-z0-9_]*\).*/\1/p' "$1"
