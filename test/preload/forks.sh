# SPDX-License-Identifier: MIT
#
# forks.sh: a shell script that forks some hundred times: subshells, pipes,
# substitutions, jobs in the background.
total=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	for j in 1 2 3 4 5 6 7 8 9 10; do
		n=$(printf %d $((i * j)))
		total=$((total + $( (exit 0) && echo "$n")))
	done
done
echo "sum $total"

count=$(for i in 1 2 3 4 5; do
	(
		(
			(echo "deep $i") | cat | cat
		)
	)
done | sort | wc -l)
echo "lines $((count))"

jobs=''
for i in 1 2 3 4 5 6 7 8; do
	(
		text=$(printf '%0200d' "$i")
		exit $((${#text} - 200 + i))
	) &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait "$job"
	printf ' %d' $?
done
echo
printf '%s\n' c b a | while read -r letter; do
	echo "$letter$(basename "/x/$letter")"
done | sort
