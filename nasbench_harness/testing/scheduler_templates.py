"""Scripts that ``nasbench-harness new slurm`` and ``new kubernetes`` write; ``$NAME`` is filled in."""

SLURM = """\
#!/bin/bash
# Eight shards of $NAME.toml as an array:  sbatch $NAME.sbatch
# Without this script, a task for each unit (pip install 'nasbench-harness[slurm]'):
#   nasbench-harness run $NAME.toml --out results/$NAME --engine slurm --needs cores=4,memory=8G,time=4h
# All state lies in results/$NAME, on a folder that the nodes share: submit again what was cancelled or failed.
#SBATCH --job-name=$NAME
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=$NAME-%a.log
# Preempted or cancelled, a task has this many seconds to reach its next checkpoint.
#SBATCH --signal=TERM@300

SHARDS=8 # as in --array

srun --cpus-per-task=4 nasbench-harness run $NAME.toml --out results/$NAME \\
    --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --threads 4 --stop-after 3h50m
code=$?
# 75: stopped with units unfinished; the same task goes on from its checkpoints
if [ "$code" -eq 75 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"""

KUBERNETES = """\
# Eight shards of $NAME.toml as an indexed job:  kubectl apply -f $NAME-job.yaml
# All state lies in the folder of the claim below, which all pods share (ReadWriteMany).
apiVersion: batch/v1
kind: Job
metadata:
  name: $NAME
spec:
  completions: 8 # as in --shard
  parallelism: 8
  completionMode: Indexed
  backoffLimit: 24
  podFailurePolicy:
    rules:
      - action: Ignore # a node that is drained
        onPodConditions:
          - type: DisruptionTarget
      - action: Ignore # stopped with units unfinished; the next pod goes on from their checkpoints
        onExitCodes:
          operator: In
          values: [75]
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 300 # to reach the next checkpoint
      containers:
        - name: run
          image: registry.example/nasbench-harness # yours
          workingDir: /work
          # exec: the signal must reach the command itself
          command:
            - sh
            - -c
            - >-
              exec nasbench-harness run $NAME.toml --out results/$NAME
              --shard "$((JOB_COMPLETION_INDEX + 1))/8" --threads 4
          resources:
            requests: {cpu: 4, memory: 8Gi}
            limits: {memory: 8Gi}
          volumeMounts:
            - name: work
              mountPath: /work
      volumes:
        - name: work
          persistentVolumeClaim:
            claimName: $NAME
"""
