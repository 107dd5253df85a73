"""The functions behind ``import nasbench_harness as nh``: arguments as notebooks have them, plain values back."""
